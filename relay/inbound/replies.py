"""What a session says of its own accord. Each reply tells what to do; none repeats what the client sent."""

from __future__ import annotations

from typing import Final

from relay.reply import Reply

OK: Final = Reply(250, "2.0.0", "OK")
BYE: Final = Reply(221, "2.0.0", "closing the connection")
HELP: Final = Reply(214, "2.0.0", "EHLO HELO STARTTLS AUTH MAIL RCPT DATA RSET NOOP VRFY QUIT; see RFC 5321")
NO_VERIFY: Final = Reply(252, "2.1.5", "addresses are not looked up; send mail to find out")
NO_EXPAND: Final = Reply(502, "5.5.1", "there are no lists to expand here")

NOT_CRLF: Final = Reply(500, "5.5.2", "end each command with CR LF, without other CR, LF or NUL in it")
LINE_TOO_LONG: Final = Reply(500, "5.5.2", "the command line is too long")
UNKNOWN_COMMAND: Final = Reply(500, "5.5.2", "command not recognized; HELP lists what is")
NOT_SMTP: Final = Reply(421, "4.7.0", "this is SMTP, another protocol was spoken; closing")
NO_ARGUMENT: Final = Reply(501, "5.5.4", "this command takes no argument")
HELLO_NEEDED: Final = Reply(501, "5.5.4", "give a host name or an address literal, such as EHLO client.example")
HELLO_FIRST: Final = Reply(503, "5.5.1", "say EHLO first")

MAIL_SYNTAX: Final = Reply(501, "5.5.4", "write MAIL FROM:<address> and parameters after a space")
RCPT_SYNTAX: Final = Reply(501, "5.5.4", "write RCPT TO:<address> and parameters after a space")
UNCLOSED_PATH: Final = Reply(501, "5.1.3", "the address is not closed by >")
NEEDS_SMTPUTF8: Final = Reply(553, "5.6.7", "this address is not ASCII: give SMTPUTF8 with MAIL")
PARAMETER_SYNTAX: Final = Reply(501, "5.5.4", "write parameters as KEYWORD or KEYWORD=value, each once")
UNKNOWN_PARAMETER: Final = Reply(555, "5.5.4", "a parameter that is not offered; see the reply to EHLO")
PARAMETERS_NEED_EHLO: Final = Reply(555, "5.5.4", "parameters need EHLO instead of HELO")
BAD_SIZE: Final = Reply(501, "5.5.4", "write SIZE= and a number of octets")
BAD_BODY: Final = Reply(501, "5.5.4", "BODY is 7BIT or 8BITMIME")
BAD_SMTPUTF8: Final = Reply(501, "5.5.4", "SMTPUTF8 takes no value")
BAD_RET: Final = Reply(501, "5.5.4", "RET is FULL or HDRS")
BAD_ENVID: Final = Reply(501, "5.5.4", "ENVID is xtext of at most 100 characters (RFC 3461)")
BAD_AUTH_PARAMETER: Final = Reply(501, "5.5.4", "AUTH= is an address as xtext or <> (RFC 4954)")
BAD_NOTIFY: Final = Reply(501, "5.5.4", "NOTIFY is NEVER, or some of SUCCESS,FAILURE,DELAY")
BAD_ORCPT: Final = Reply(501, "5.5.4", "ORCPT is type;address as xtext of at most 500 characters (RFC 3461)")

NESTED_MAIL: Final = Reply(503, "5.5.1", "a transaction is open: finish it with DATA or give it up with RSET")
MAIL_FIRST: Final = Reply(503, "5.5.1", "say MAIL first")
RCPT_FIRST: Final = Reply(503, "5.5.1", "say MAIL and RCPT first")
NO_RECIPIENTS: Final = Reply(554, "5.5.1", "no recipient was accepted, so there is nothing to send")
TOO_MANY_RECIPIENTS: Final = Reply(452, "4.5.3", "too many recipients: send the rest in another transaction")
NO_MAILBOX_HERE: Final = Reply(550, "5.1.1", "no such mailbox here")

MAY_NOT_RELAY: Final = Reply(550, "5.7.1", "this client may not relay; its network has to be listed for a client")
LOGIN_FIRST: Final = Reply(530, "5.7.0", "log in first (AUTH)")
STARTTLS_FIRST: Final = Reply(530, "5.7.0", "say STARTTLS, then log in (AUTH)")

TLS_READY: Final = Reply(220, "2.0.0", "go ahead with TLS")
TLS_ACTIVE: Final = Reply(503, "5.5.1", "TLS is active already")
NO_TLS: Final = Reply(502, "5.5.1", "no STARTTLS on this port")
LOGIN_NEEDS_TLS: Final = Reply(538, "5.7.11", "logins only over TLS: say STARTTLS, or use a port that has TLS")
NO_LOGIN: Final = Reply(502, "5.5.1", "no login on this port")
LOGGED_IN_ALREADY: Final = Reply(503, "5.5.1", "logged in already")
NO_LOGIN_NOW: Final = Reply(503, "5.5.1", "no login within a transaction")
BAD_MECHANISM: Final = Reply(504, "5.5.4", "the mechanisms are PLAIN and LOGIN")
BAD_BASE64: Final = Reply(501, "5.5.2", "this is not base64 of what the mechanism needs")
LOGIN_CANCELLED: Final = Reply(501, "5.7.0", "login given up")
LOGIN_FAILED: Final = Reply(535, "5.7.8", "name or password wrong")
LOGIN_BUSY: Final = Reply(454, "4.7.0", "too many logins at once, try again in a minute")
LOGGED_IN: Final = Reply(235, "2.7.0", "logged in")

DECLARED_TOO_LARGE: Final = Reply(552, "5.3.4", "the message is larger than the limit that EHLO told")
TOO_LARGE: Final = Reply(552, "5.3.4", "the message was larger than the limit that EHLO told")
BARE_CR_LF: Final = Reply(550, "5.6.0", "the message has a CR or LF of its own, or NUL: lines end with CR LF only")
DATA_LINE_TOO_LONG: Final = Reply(500, "5.6.0", "a line of the message is too long: fold or encode it")
LOOP: Final = Reply(554, "5.4.6", "too many Received fields: this message goes round in a loop")

FAILED: Final = Reply(451, "4.3.0", "something went wrong here, it was logged; try again later")
NO_OUTCOME: Final = Reply(421, "4.4.2", "no outcome in time; try again later")
IDLE: Final = Reply(421, "4.4.2", "nothing was said for too long; closing")
SLOW: Final = Reply(421, "4.4.2", "the message came too slowly; closing")
SHUTTING_DOWN: Final = Reply(421, "4.3.2", "going down for maintenance; try again soon")
TOO_MANY_CONNECTIONS: Final = Reply(421, "4.3.2", "too many connections; try again later")
TOO_MANY_FROM_ADDRESS: Final = Reply(421, "4.7.0", "too many connections from your address; close some first")
TOO_MANY_ERRORS: Final = Reply(421, "4.7.0", "too many errors; closing")
TOO_MANY_COMMANDS: Final = Reply(421, "4.7.0", "too many commands without a message; closing")
TOO_MANY_LOGINS: Final = Reply(421, "4.7.0", "too many failed logins; closing")
