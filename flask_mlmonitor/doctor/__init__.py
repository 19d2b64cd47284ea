"""What commonly goes wrong, looked for and named with its remedy; nothing is made or changed."""
