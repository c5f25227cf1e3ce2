SELECT c.number FROM copies AS c JOIN messages AS m ON m.number = c.message
