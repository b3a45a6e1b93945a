"""Why an app gets a ticket for a host, or why not, and what would have to change."""
