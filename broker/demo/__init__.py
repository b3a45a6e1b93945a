"""The whole product on one machine: lab, controller, serve, and a monitoring app. Never in the container."""
