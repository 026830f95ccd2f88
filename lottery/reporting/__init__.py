"""Reports: from run directories alone to numbers and pictures."""
