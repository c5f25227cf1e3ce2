"""What people and monitoring see over HTTP. GET and HEAD never change anything; tokens reach no log (laws 4 and 5)."""
