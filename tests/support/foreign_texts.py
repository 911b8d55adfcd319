"""Short reviews in other languages than English, written for the tests of the rule `not_english`."""

GERMAN = (
    "Der Film war viel zu lang und hatte keine Handlung.",
    "Ich habe selten so gelacht, die Schauspieler sind wunderbar.",
    "Leider ist die zweite Hälfte sehr langweilig.",
    "Die Musik passt gut, aber das Ende hat mich enttäuscht.",
    "Ein Meisterwerk, das man mehrmals sehen sollte.",
    "Wir sind nach einer Stunde aus dem Kino gegangen.",
    "Das Produkt kam kaputt an, und niemand antwortet auf meine Mails.",
    "Meine Kinder wollten ihn am nächsten Tag noch einmal sehen.",
    "Schlechte Verarbeitung, nach zwei Wochen war der Knopf ab.",
    "Für diesen Preis kann man wirklich nichts Besseres erwarten.",
    "Die Bedienung ist einfach und der Klang ist ordentlich.",
    "Nicht zu empfehlen, reine Geldverschwendung.",
)
FRENCH = (
    "Le film est trop long et l'histoire ne mène nulle part.",
    "J'ai beaucoup ri, les acteurs sont formidables.",
    "La deuxième partie est malheureusement très ennuyeuse.",
    "La musique est belle, mais la fin m'a déçu.",
    "Un chef-d'œuvre que l'on peut revoir plusieurs fois.",
    "Nous avons quitté la salle au bout d'une heure.",
    "Le produit est arrivé cassé et personne ne répond à mes messages.",
    "Mes enfants ont voulu le revoir dès le lendemain.",
    "Mauvaise qualité, le bouton est tombé après deux semaines.",
    "Pour ce prix on ne peut vraiment pas demander mieux.",
    "C'est facile à utiliser et le son est correct.",
    "Je ne le recommande pas, c'est de l'argent perdu.",
)
SPANISH = (
    "La película es demasiado larga y no cuenta nada.",
    "Me he reído mucho, los actores son maravillosos.",
    "Por desgracia la segunda mitad es muy aburrida.",
    "La música está bien, pero el final me decepcionó.",
    "Una obra maestra que se puede ver varias veces.",
    "Nos fuimos del cine después de una hora.",
    "El producto llegó roto y nadie contesta a mis mensajes.",
    "Mis hijos querían verla otra vez al día siguiente.",
    "Mala calidad, el botón se cayó a las dos semanas.",
    "Por este precio no se puede pedir más.",
    "Es fácil de usar y el sonido es bueno.",
    "No la recomiendo, es tirar el dinero.",
)
ITALIAN = (
    "Il film è troppo lungo e la storia non porta da nessuna parte.",
    "Ho riso molto, gli attori sono bravissimi.",
    "Purtroppo la seconda parte è molto noiosa.",
    "La musica è bella, ma il finale mi ha deluso.",
    "Un capolavoro che si può rivedere più volte.",
    "Siamo usciti dal cinema dopo un'ora.",
    "Il prodotto è arrivato rotto e nessuno risponde ai miei messaggi.",
    "I miei figli volevano rivederlo il giorno dopo.",
    "Qualità scarsa, il bottone si è staccato dopo due settimane.",
    "Per questo prezzo non si può chiedere di meglio.",
    "È facile da usare e il suono è buono.",
    "Non lo consiglio, sono soldi buttati.",
)
POLISH = (
    "Film jest za długi i nie ma żadnej fabuły.",
    "Dawno się tak nie śmiałem, aktorzy są wspaniali.",
    "Niestety druga połowa jest bardzo nudna.",
    "Muzyka jest dobra, ale zakończenie mnie rozczarowało.",
    "Arcydzieło, które można oglądać wiele razy.",
    "Po godzinie wyszliśmy z kina.",
    "Produkt przyszedł uszkodzony i nikt nie odpowiada na moje wiadomości.",
    "Moje dzieci chciały go zobaczyć jeszcze raz następnego dnia.",
    "Słaba jakość, guzik odpadł po dwóch tygodniach.",
    "Za taką cenę naprawdę nie można oczekiwać niczego lepszego.",
    "Jest łatwy w obsłudze i dźwięk jest w porządku.",
    "Nie polecam, to strata pieniędzy.",
)
TURKISH = (
    "Film çok uzun ve konusu hiç yok.",
    "Uzun zamandır bu kadar gülmemiştim, oyuncular harika.",
    "Ne yazık ki ikinci yarısı çok sıkıcı.",
    "Müzik güzel ama son beni hayal kırıklığına uğrattı.",
    "Birkaç kez izlenebilecek bir başyapıt.",
    "Bir saat sonra sinemadan çıktık.",
    "Ürün kırık geldi ve mesajlarıma kimse cevap vermiyor.",
    "Çocuklarım ertesi gün tekrar izlemek istedi.",
    "Kalitesi kötü, düğmesi iki hafta sonra düştü.",
    "Bu fiyata daha iyisi beklenemez.",
    "Kullanımı kolay ve sesi gayet iyi.",
    "Tavsiye etmiyorum, para israfı.",
)
HUNGARIAN = (
    "A film túl hosszú volt, és a történet sehová sem vezetett, ezért egy óra után kijöttünk a moziból, pedig a "
    "színészek egyébként nagyon jók.",
)
FINNISH = (
    "Elokuva oli aivan liian pitkä eikä juonessa ollut mitään järkeä, joten lähdimme tunnin jälkeen kotiin, vaikka "
    "näyttelijät olivat hyviä.",
)
FOREIGN = {
    "German": GERMAN,
    "French": FRENCH,
    "Spanish": SPANISH,
    "Italian": ITALIAN,
    "Polish": POLISH,
    "Turkish": TURKISH,
    "Hungarian": HUNGARIAN,
    "Finnish": FINNISH,
}
"""Short reviews in each of eight languages, of five words at least."""
OTHER_SCRIPTS = (
    "Очень скучный фильм",
    "太长了，没有情节",
    "とてもつまらない",
    "정말 지루했다",
    "فيلم ممل جدا",
    "Πολύ βαρετό",
)
"""Short reviews in other scripts: that the film was boring, or too long."""
