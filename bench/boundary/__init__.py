"""What passes between the harness and a plugin: people, plain releases, what an attacker sees, and checks of it all."""
