-- One told of a list as relay/store/told.py makes it ready (?1 wide ... ?22 salt, ?27 stream); the number follows the last.
INSERT INTO ledger (
  id, kind, address, wide, brand, stream, at, recorded_at, source, recorder, basis, act, confirmed_at, mail_sent_at,
  last_contact_at, form_url, wording, language, ip, user_agent, live, own_act, salt
) VALUES (
  ?2, ?3, ?4, ?1, ?5, ?27, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
  ?15, ?16, (SELECT number FROM wordings WHERE hash = ?17), ?18, ?19, ?20, 0, 0, ?22
)
