"""Text -> quotes: quotation marks and dashes, reporting clauses, speakers."""
