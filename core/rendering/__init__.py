"""The one path from rays to pixels, and what measures it. Imports everything above: fields, samplers and below.

The vocabulary, for n_rays rays that have n_samples samples in all; samples are sorted by ray, then by t:

    symbol  name               shape           meaning
    o       rays_o             (n_rays, 3)     where a ray begins
    d       rays_d             (n_rays, 3)     its unit direction
    t       t_starts, t_ends   (n_samples,)    distances along the ray: a sample is the interval from t_start to t_end
    x       positions          (n_samples, 3)  o + t d in the middle of the interval
    sigma   sigmas             (n_samples,)    density, per scene unit
    c       rgbs               (n_samples, 3)  colour, 0 to 1
    tau     taus               (n_samples,)    sigma (t_end - t_start), the optical thickness
    alpha   alphas             (n_samples,)    1 - exp(-tau), the share of light that the sample stops
    T       trans              (n_samples,)    exp(-sum of tau over the samples before), the light that reaches it
    w       weights            (n_samples,)    T alpha, its share in the pixel
    C       colors             (n_rays, 3)     sum of w c, plus (1 - sum of w) times the background
            opacities          (n_rays,)       sum of w
            depths             (n_rays,)       sum of w t over sum of w

(Max 1995; Mildenhall et al. 2020, equation 3.)
"""

from core.rendering.render import render_image, render_rays

__all__ = ["render_image", "render_rays"]
