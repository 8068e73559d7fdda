"""Latent Dirichlet allocation, by accelerated EM and by an autoencoder."""
