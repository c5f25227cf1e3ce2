"""Mail content: read it without understanding more than needed, change only what must change, sign what goes out.

What this package promises:

- Octets outside the edited header fields and text parts of a message come out identical. Nothing is parsed into an
  object and written again; edits are splices into the original octets.
- Signed, encrypted and doubtful content is never opened. What cannot carry the footer without a doubt is said to be
  undisclosable, with the reason in words; the rules choose what happens then. Nothing is damaged instead.
- No input of any octets raises. Work is linear in the size of the message, and bounded in depth and parts.
- DKIM signs last, over exactly the octets that go on the wire.

Pure: no IO, no clock, no randomness; time and keys are arguments. Of the project it imports values alone.

    message = index(content)                    where header fields stand
    prepared = prepare(message, common, rules)  once a message: which edits, and can it carry the footer?
    copy = copy_for(prepared, personal)         once a recipient: the rewritten octets, or Undisclosable
    octets = signed(copy.content, signers, now) with DKIM signatures on top
    damage(...), signature_problem(...)         a last look at what was made: "" when it may leave

The modules, from the outside in:

    the whole       compose rules damage
    structure       index content_type displayed whole_parts wrap edits
    one text part   text_part layout placing part_labels
    its octets      transfer quoted_printable charset charset_labels decoding iso_2022 vendor_rows
    HTML            html_tokens html_sight html_hiding html_nesting html_end
    mailer's words  placeholders html_placeholders literals own_footer
    the footer      footer footer_lines wording language items links
    own templates   footer_template footer_markup wording_check
    header fields   headers list_fields extra_fields received
    signatures      dkim verified old_signatures
    own mail        notice report dsn dsn_words seven_bit asking asking_wording
"""
