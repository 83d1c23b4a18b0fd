"""Programme folder, schemes as text, and the reference tables people import."""
