"""Mail comes in: listeners, SMTP sessions, logins, limits. SMTP bytes become our values, replies go back."""
