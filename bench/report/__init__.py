"""Everything that people read: tables, pages in Markdown, HTML and LaTeX, and figures."""
