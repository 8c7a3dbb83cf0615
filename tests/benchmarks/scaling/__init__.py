"""A model of many cells, made of figures that were measured or published."""
