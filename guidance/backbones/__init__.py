"""Networks `network(z, logsnr, label) -> (b, *shape)`, told lambda and a label whose last id is the null label."""
