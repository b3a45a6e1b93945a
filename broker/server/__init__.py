"""`broker serve` as processes, connections and threads: gunicorn, made ours; what is served is not known."""
