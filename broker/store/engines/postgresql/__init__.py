"""PostgreSQL: one database on a server that other machines reach as well. psycopg is imported here only."""
