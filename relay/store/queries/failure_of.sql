SELECT at, code FROM failures WHERE address = ?
