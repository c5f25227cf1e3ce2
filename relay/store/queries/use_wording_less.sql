UPDATE wordings SET uses = uses - ?2 WHERE number = ?1
