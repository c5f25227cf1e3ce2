DELETE FROM failures WHERE address = ?
