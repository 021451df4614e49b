"""Networks `network(z, logsnr, label) -> (b, *shape)`, conditioned on lambda and on a label whose last id is the null label."""
