"""The way in for apps: HTTPS, authentication, limits, routes, and answers that tell no more than they must."""
