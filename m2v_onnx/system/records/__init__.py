"""Files of records, of which one column holds texts: Parquet, Arrow, JSON lines, CSV and plain lines."""
