"""What `bench new` writes: working plugins and their tests, copied with the name changed. Nothing imports them."""
