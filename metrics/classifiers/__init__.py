"""What released classifiers are worth; the file name is the name of the metric."""
