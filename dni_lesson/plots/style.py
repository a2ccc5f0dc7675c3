"""One colour per idea, the same in the whole course."""

# From the colour-blind safe palette of Okabe and Ito.
COLORS = {
    "true": "#0072B2",  # the true gradient, and backprop
    "synthetic": "#D55E00",  # the synthetic gradient, and cDNI
    "dni": "#E69F00",
    "no_bprop": "#999999",
    "reference": "#999999",  # lines to compare with
    "forward": "#BBBBBB",
    "idle": "#F2F2F2",
    "backprop": "#0072B2",
    "cdni": "#D55E00",
}
