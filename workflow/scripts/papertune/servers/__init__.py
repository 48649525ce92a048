"""Model servers: started, asked, ended."""
