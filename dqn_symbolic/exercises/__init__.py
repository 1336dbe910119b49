"""The lecture's exercises I and III, after the Deep Learning Tutorials: six runnable pages.

Read them in this order: logistic_regression, mlp, autoencoder, denoising_autoencoder,
stacked_denoising_autoencoders, convolutional_autoencoder.
"""
