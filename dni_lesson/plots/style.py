"""One colour per idea, the same in the whole course."""

# From the colour-blind safe palette of Okabe and Ito.
COLORS = {
    "true": "#0072B2",  # the true gradient, and backprop
    "synthetic": "#D55E00",  # the synthetic gradient, and cDNI
    "dni": "#E69F00",
    "local": "#999999",
    "forward": "#BBBBBB",
    "idle": "#F2F2F2",
    "backprop": "#0072B2",
    "cdni": "#D55E00",
}
