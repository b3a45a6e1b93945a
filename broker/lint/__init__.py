"""What a policy allows and had better not: rules over the checked files, and how findings are told."""
