"""Membership inference against released classifiers, by queries; the file name is the name of the attack."""
