"""What guides a model beside pictures: words, mixtures of them, sentences, palettes."""
