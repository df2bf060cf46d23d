"""Documents to fax TIFF, fax TIFF to PDF, pages to PNG."""
