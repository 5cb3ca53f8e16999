"""The networks: TNet, PNets, reviser, and the VGG networks that look at pictures."""
