"""Mail content: read it without understanding more than needed, change only what must change, sign what goes out.

What this package promises (law 4):

- Bytes outside the edited header fields and text parts of a message come out identical. Nothing is parsed into an
  object and written again; edits are splices into the original bytes.
- Signed, encrypted and doubtful content is never opened. What cannot carry the footer without a doubt is said to be
  undisclosable, with the reason in words; the policy chooses what happens then. Nothing is damaged instead.
- No input of any bytes raises. Work is linear in the size of the message, and bounded in depth and parts.
- DKIM signs last, over exactly the bytes that go on the wire.

Pure: no IO, no clock; time and keys are arguments. Imports nothing of the project but the values.

    index.index(content)                    header fields, with their offsets
    headers.header_values / from_domain     what policy and DKIM ask of them
    compose.prepare(index, common, rules) once a message: which edits, and can it carry the footer?
    compose.copy_for(prepared, personal)    once a recipient: the rewritten bytes, or Undisclosable
    dkim.signed(content, signers, now)      the copy with its signatures in front
"""
