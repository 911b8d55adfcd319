"""The golden texts: a bundle records their scores, so that any machine can check that it gives the same scores."""

GOLDEN_TEXTS = (
    "A warm and funny film with a perfect cast; I would happily watch it again tonight.",
    "Dull from the first minute to the last. The plot makes no sense and nobody seems to care.",
    "I expected very little, but the second half surprised me and the ending is wonderful.",
    "Everyone told me it was a masterpiece. It is not: slow, loud and far too long.",
    "Not bad at all.",
    "Not good at all.",
    "The photography is beautiful<br /><br />the script, sadly, is terrible.",
    "ok",
    "Zxqv wprt gllmn.",
    "It was " + "very " * 600 + "good",
    "It was " + "really " * 499 + "awful",
    "Une comédie légère, 10/10 !",
)
