"""More plots for anyone: found things, snow, a quarrel, a song, a guest, a lesson in looking."""


def finder(w):
    """Somebody else's lost thing is found and brought back."""
    thing = w.choose("thing", ["red scarf", "silver bell", "golden key", "striped hat", "old map", "blue marble", "small drum", "music box"])
    w.facts["treasure"] = "a " + thing
    w.say("{time}, {H} found a lost {thing} near {spot}.", "{time}, {H} saw something strange near {spot}. It was a {thing}!", "{time}, near {spot}, {H} almost fell over a {thing}.")
    w.say("\"Who could have lost this?\" {he} wondered.", "It was a fine {thing}, and somebody had taken good care of it.", "\"Somebody must miss it very much,\" said {H}.")
    w.say("For a moment {he} wanted to keep the {thing}.", "\"It would be nice to have a {thing} of my own,\" {he} thought.", "The {thing} was so pretty that {H} looked at it for a long time.")
    w.say("But then {H} made up {his} mind. \"I will find the one it belongs to.\"", "But {he} knew what was right, and so the search began.", "\"No,\" said {H}. \"Somewhere, someone is sad.\"")
    w.part_ways()
    w.say("First {H} {walk} to {spot2} and asked everyone there.", "{H_} asked at {spot2}, but nobody knew the {thing}.", "At {spot2} {he} called, \"Who has lost a {thing}?\"")
    w.say("They all shook their heads.", "One wanted to have it, but could not say where it came from.", "Nobody answered.", "\"Not mine,\" said one. \"Try {spot3},\" said another.")
    w.say("Then {H} came to {spot3}, and there was {meet}.", "At {spot3} sat {meet}, looking very sad.", "On the way to {spot3}, {H} met {meet}.")
    w.say("\"Why do you look so sad?\" asked {H}.", "\"Are you looking for something?\" asked {H}.", "{F_} was searching the ground, step by step.")
    w.say("\"I have lost my {thing},\" said {F}. \"My grandmother gave it to me.\"", "\"My {thing} is gone,\" said {F}, \"and I have looked for three days.\"", "\"Have you seen a {thing}?\" asked {F}. \"I can not find it.\"")
    w.part_ways()
    w.say("{H_} smiled and held out the {thing}.", "\"Close your eyes,\" said {H} and put the {thing} in front of {F}.", "\"Is it this one?\" asked {H}.")
    w.say("{F_} gave a shout of joy.", "\"You found it!\" cried {F}.", "{F_} could not believe it and danced around.")
    w.say("\"You could have kept it,\" said {F}. \"Thank you for being honest.\"", "\"How can I ever thank you?\" asked {F}.", "\"Nobody else would have looked so long,\" said {F}.")
    w.say("\"Your smile is enough,\" said {H}.", "\"It was yours,\" said {H}, \"so I brought it back.\"", "{H_} only laughed. \"Show me how it works,\" {he} said.")
    w.say("From then on, {H} and {F} shared the {thing}, one day each.", "So a lost {thing} was the start of a long friendship.", "And whenever {F} looked at the {thing}, {fhe} thought of {H}.")


def snow(w):
    w.say("In the night it had snowed, and {H} did not know what that was.", "{H_} had never seen snow before.", "One winter morning everything {H} knew was white.")
    w.say("\"Who has painted the world?\" {he} asked.", "{He_} touched it, and it was cold and soft.", "The first step made a funny sound.")
    w.say("{He_} {ran} to {spot}, but even {spot} looked new.", "{H_} went from {spot} to {spot2} and saw only white.", "All the paths were gone.")
    w.part_ways()
    w.say("Near {spot3} {H} found small tracks in the snow.", "Then {he} saw a line of tracks that led to {spot3}.", "\"Somebody was here before me,\" said {H}, and {he} followed the tracks.")
    w.say("At their end sat {meet}, shaking with cold.", "They led to {meet}, who could not find the way home.", "There was {meet}, up to the ears in snow.")
    w.say("\"I only wanted to see the snow,\" said {F}. \"Now I am cold and lost.\"", "\"Everything looks the same,\" said {F}.", "\"My feet are like ice,\" said {F}.")
    w.say("\"Then we follow your tracks back,\" said {H}.", "\"Come with me,\" said {H}. \"My home is warm.\"", "{H_} put a scarf around {F}. \"Better?\" {he} asked.")
    w.part_ways()
    w.say("On the way they built a snowman with a {color} hat.", "They made a big snowball, and then an even bigger one.", "They slid down a small hill and fell into the snow, laughing.")
    w.say("Soon {F} was warm again.", "{F_} forgot the cold.", "\"Snow is not so bad when there are two of us,\" said {F}.")
    w.say("In the evening they sat inside, with {food} on the table.", "At home there was warm soup for both of them.", "When it grew dark, they drank something hot and looked out of the window.")
    w.say("\"I hope that it snows again tomorrow,\" said {H}.", "\"Winter has just begun,\" said {F}.", "\"Now I know what snow is for,\" said {H}.")
    w.say("And each winter, {H} and {F} built the first snowman together.", "When the snow melted, the friendship of {H} and {F} stayed.", "That night {H} dreamed of white hills.")


def quarrel(w):
    w.say("{H_} had a best friend, {meet}.", "{H_} did everything together with {meet}.", "There was nobody {H} liked more than {meet}.")
    w.say("{time}, they both wanted the last of the {food}.", "{time}, they both wanted to be first at {spot}.", "{time}, each of them wanted to choose the game.")
    w.say("\"I saw it first,\" said {H}. \"No, I did,\" said {F}.", "\"You always decide,\" said {F}. \"That is not true,\" said {H}.", "Soon they were shouting at each other.")
    w.say("In the end {H} went one way, and {F} the other.", "{F_} turned around and left without a word.", "\"Then I will play alone,\" said {H}.")
    w.part_ways()
    w.say("{H_} {walk} to {spot2} and tried to be happy.", "At {spot2} {H} played alone, but it was no fun.", "{H_} sat near {spot2} all afternoon and threw small stones.")
    w.say("Every joke {he} thought of was one that {F} would like.", "There was nobody to laugh with.", "{His_} anger was gone, but {he} was too proud to say it.")
    w.say("{F_} was at {spot3} and felt the same.", "At {spot3}, {F} was just as lonely.", "Far away, {F} thought of {H} as well.")
    w.part_ways()
    w.say("Then it began to rain, and {H} thought of something.", "In the evening {H} took a deep breath.", "When the sun went down, {H} stood up.")
    w.say("\"A quarrel is small, and a friend is big,\" {he} said.", "\"Somebody has to go first,\" {he} thought.", "\"I do not want to be right. I want to have a friend,\" {he} said.")
    w.say("Half way to {spot3} the two of them met.", "{He_} {ran} to {spot3}, and there came {F}, running, too." if not w.wet else "{He_} hurried to {spot3}, and there came {F}.", "On the path {he} saw {F}, who was coming to {him}.")
    w.say("\"I am sorry,\" they both said at once, and then they laughed.", "\"I was silly,\" said {H}. \"So was I,\" said {F}.", "\"Please be my friend again,\" said {H}.")
    w.say("From then on, they took turns.", "After that, {H} and {F} shared the {food}, half and half.", "They still quarrel sometimes, but {H} is always quick to say sorry.")
    w.say("And that is why {H} and {F} are friends to this day.", "So {H} learned that saying sorry is not hard at all.", "It was the shortest quarrel of the year.")


def song(w):
    w.choose("tune", ["a song without an end", "a song about the sea", "a very old song", "a song of five notes", "a song that made everyone smile"])
    w.say("{time}, {H} woke up with {tune} in {his} head.", "{time}, the wind brought {tune} to {H}.", "{time}, {H} heard {tune}, but nobody was there.")
    w.say("{He_} hummed it all morning.", "\"Where does it come from?\" asked {H}.", "{He_} liked it so much that {he} sang it again and again.")
    w.say("But the last line was missing.", "But {he} did not know how it went on.", "Only the end would not come.")
    w.part_ways()
    w.say("{H_} asked at {spot}, but there they knew only other songs.", "{He_} {walk} to {spot} and sang it to everyone.", "At {spot} an old voice said, \"I knew it once, but I forgot.\"")
    w.say("\"Ask at {spot2},\" somebody said.", "{H_} did not give up and went on to {spot2}.", "So the way went on, past {spot2}.")
    w.say("There sat {meet}, humming softly.", "Suddenly somebody sang along. It was {meet}.", "Then {H} met {meet}, who stopped to listen.")
    w.say("\"That is my song!\" said {F}. \"My mother sang it for me.\"", "\"I know the end,\" said {F}, \"but I have lost the beginning.\"", "\"I have waited for someone who knows it,\" said {F}.")
    w.part_ways()
    w.say("{H_} sang the first part, and {F} sang the last.", "They put the two parts together, line by line.", "They tried it once, and the second time it fit.")
    w.say("It was so beautiful that everything grew quiet.", "From {spot3} others came to listen.", "Even the wind held its breath.")
    w.say("\"Now it is whole,\" said {F}.", "\"A song needs two,\" said {H}.", "{F_} wiped away a tear and smiled.")
    w.say("Since then, {H} and {F} sing it every evening.", "And if you listen well, you can still hear {H} and {F} today.", "That night {H} fell asleep at once, with the whole song in {his} heart.")


def guest(w):
    w.say("{H_} liked everything to be in its place.", "In the home of {H} every thing had its corner.", "{H_} did the same things at the same time every day.")
    w.say("{time}, there was a knock, and {meet} stood outside.", "{time}, {meet} came for a visit.", "{time}, a guest came: {meet}.")
    w.say("\"I will stay for a week,\" said {F}.", "\"I hope I do not trouble you,\" said {F} and came in.", "{F_} brought a huge bag and a big smile.")
    w.part_ways()
    w.say("{F_} sang in the morning and laughed at night.", "{F_} put the cups where the books should be.", "On the first day {F} ate all the {food}.")
    w.say("{H_} did not like that at all.", "\"That is not how we do it here,\" said {H}.", "{H_} counted the days until the end of the week.")
    w.say("On the second day {F} said, \"Let us have breakfast at {spot}!\"", "\"Have you ever been at {spot} when the sun comes up?\" asked {F}.", "Then {F} took {him} along to {spot}, early in the morning.")
    w.say("{H_} had never done such a thing, but it was lovely.", "{H_} wanted to say no, but {he} came along, and {he} was glad.", "It was cold and wet, and {H} had not had so much fun for years.")
    w.part_ways()
    w.say("Each day {F} had a new idea, and each day {H} liked it a little more.", "On the third day they played at {spot2}, and on the fourth they slept under the stars.", "They {walk} to {spot2}, and they painted the door {color}.")
    w.say("Then the week was over, and {F} packed the big bag.", "And then it was time to say goodbye.", "On the last day {H} was quiet.")
    w.say("\"It will be very tidy here without you,\" said {H}, and {he} was sad.", "\"Could you stay a bit longer?\" asked {H}.", "\"Who will wake me with a song now?\" asked {H}.")
    w.say("{F_} laughed. \"I will be back before you have found all your cups.\"", "\"Next time you visit me,\" said {F}.", "\"I will come back every spring,\" said {F}.")
    w.say("And {H} left the cups where they were, as a memory.", "Since then, {H} does one new thing each day.", "Now {H} knows that a little mess can be a good sign.")


EVERYONE = [finder, snow, quarrel, song, guest]
WET = [finder, quarrel, song]
