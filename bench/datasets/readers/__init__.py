"""What reads single files, whatever they are about: tables, matrices, spellings, images, variants."""
