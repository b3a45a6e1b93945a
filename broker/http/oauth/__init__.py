"""Who an app is (RFC 6749, 7523), and the access tokens that say so for five minutes (RFC 9068)."""
