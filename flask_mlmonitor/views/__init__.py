"""What people and programs are shown of the models: read from the store, never judged anew."""
