"""What a static model is."""
