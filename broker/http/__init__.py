"""The way in for apps: HTTPS, authentication, limits, routes, and answers that tell only what they must."""
