"""Plots about an object or a place: the hero is whoever uses or visits it.

`{obj}` is the object's word and `{place}` the place's; both are named in
most sentences, because the story was asked for by that word.
"""


def found_and_fixed(w):
    w.say("{time}, {H} found an old {obj} near {spot}.", "{time}, {H} found a {obj} that somebody had thrown away.", "In a dusty corner, {H} found an old {obj}.")
    w.say("The {obj} was dirty and a little broken.", "Nobody wanted the {obj} any more.", "\"Poor {obj},\" said {H}.")
    w.say("{He_} took the {obj} home and cleaned it.", "{H_} carried the {obj} home with great care.", "\"I will make you beautiful again,\" {he} said to the {obj}.")
    w.part_ways()
    w.say("It was hard to repair, so {he} asked {meet}.", "{meet_} lived next door and knew how to repair things.", "{H_} showed the {obj} to {meet}.")
    w.say("\"Nothing is lost,\" said {F}. \"We need only some time and some glue.\"", "\"I had a {obj} like this when I was small,\" said {F}.", "{F_} looked at the {obj} from all sides and smiled.")
    w.say("They worked on the {obj} for three days.", "They painted the {obj} {color}.", "Together they fixed it, and {H} painted it {color}.")
    w.facts["color"] = w["color"] if "color" in w.lines[-1] or w["color"] in w.lines[-1] else ""
    w.part_ways()
    w.say("In the end the {obj} looked better than new.", "When they were done, the {obj} was shining.", "Nobody could believe that it was the same old {obj}.")
    w.say("\"It is yours as well,\" said {H} to {F}.", "Everyone in the street wanted to see the {obj}.", "A rich man wanted to buy the {obj}, but {H} said no.")
    w.say("{H_} kept the {obj} for a long, long time.", "And the {obj}? It got the best place in the house.", "So {H} learned that old things can be good as new.", "From that day on, {H} and the {obj} could not be parted.")


def gone_and_back(w):
    w.say("{H_} had a {color} {obj}.", "{H_} got a {color} {obj} for {his} birthday.", "The {color} {obj} was the thing that {H} loved best.", "{His_} grandmother had given {H} a {color} {obj}.")
    w.facts["color"] = w["color"]
    w.say("{He_} took the {obj} everywhere.", "Every evening {he} put the {obj} next to {his} bed.", "There was no other {obj} like it.")
    w.say("{time}, {H} forgot the {obj} at {spot}.", "{time}, {H} left the {obj} at {spot}, only for a moment.", "{time}, {H} looked for the {obj}, but it was gone.")
    w.say("When {he} came back, the {obj} was not there any more.", "\"My {obj}!\" cried {H}. \"Where is my {obj}?\"", "{He_} looked under everything and behind everything, but there was no {obj}.")
    w.part_ways()
    w.say("{He_} asked everyone. At last {he} asked {meet}.", "{meet_} saw how sad {H} was.", "On the way home {he} met {meet}.")
    w.say("\"What does your {obj} look like?\" asked {F}.", "\"I am looking for a {color} {obj},\" said {H}.", "\"I have lost my {obj},\" said {H} with tears in {his} eyes.")
    w.say("\"I saw a {color} {obj} at {spot2} this morning!\" said {F}.", "\"Come,\" said {F}. \"We will look at {spot2}.\"", "{F_} remembered something. \"Somebody took a {obj} to {spot2},\" {fhe} said.")
    w.say("They {ran} to {spot2}.", "So they went to {spot2} together.")
    w.part_ways()
    w.say("There sat a small child with the {obj}. \"I found it,\" said the child. \"Is it yours?\"", "And there was the {obj}, safe and dry.", "The {obj} was there, and not even a scratch was on it.")
    w.say("{H_} took the {obj} in {his} arms.", "\"There you are!\" said {H} to the {obj}.", "{H_} was so glad to have the {obj} back.")
    w.say("\"Thank you, {fname},\" said {H}.", "{H_} let {F} use the {obj} for the rest of the day.", "Then all of them played with the {obj} until it was dark.")
    w.say("After that, {H} took better care of the {obj}.", "And {H} wrote {his} name on the {obj}, just in case.", "That night the {obj} was back in its place, and {H} slept well.")


def forgotten(w):
    """The object itself is the hero."""
    w.say("The {obj} stood in a dark corner, and nobody looked at it.", "Once the {obj} had been new, but now it was forgotten.", "For many years the {obj} had waited for someone to use it.")
    w.say("\"I wish that somebody needed me,\" thought the {obj}.", "The little {obj} was sad.", "The other things laughed at the {obj}. \"You are too old,\" they said.")
    w.say("{time}, {meet} came into the room.", "{time}, somebody opened the door. It was {meet}.")
    w.say("{F_} looked around and saw the {obj}.", "\"Oh, what is this?\" said {F}. \"A {obj}!\"", "{F_} blew the dust away, and there was the {obj}.")
    w.part_ways()
    w.say("\"You are just what I need,\" said {F}.", "{F_} took the {obj} and carried it out into the light.", "\"I have looked for a {obj} like this for so long,\" said {F}.")
    w.say("{F_} cleaned the {obj} and painted it {color}.", "{F_} took it along to {spot}.", "The {obj} could not believe its luck.")
    w.facts["color"] = w["color"] if w["color"] in w.lines[-1] else ""
    w.say("Then a hard day came, and {F} needed help.", "Soon there was something important to do.", "Then came the day of the big feast.")
    w.say("The {obj} did its very best.", "Without the {obj} it would all have gone wrong.", "\"Now I can show what I can do,\" thought the {obj}.")
    w.part_ways()
    w.say("Everything went well, thanks to the {obj}.", "\"What a wonderful {obj}!\" everybody said.", "\"I am so glad that I found you,\" said {F} to the {obj}.")
    w.say("From then on, the {obj} had a place by the window.", "The {obj} was never forgotten again.", "And {F} used the {obj} every day.")
    w.say("The old {obj} was happy at last.", "So even a small {obj} can be important.", "And if you go there, you can still see the {obj} today.")


def present(w):
    w.say("{time}, {H} got a big box. In it was a {obj}.", "{H_} had always wanted a {obj}. And {time_low}, {he} got one.", "{time}, {H} saved all {his} coins and bought a {obj}.")
    w.say("It was a {color} {obj}, and it was beautiful.", "The {obj} was {color} and it smelled new.", "\"This is the best {obj} in the world,\" said {H}.")
    w.facts["color"] = w["color"] if w["color"] in w.lines[-1] else ""
    w.say("{H_} did not let anyone touch the {obj}.", "\"Do not touch my {obj}!\" {he} told everyone.", "{He_} sat alone with the {obj} all day long.")
    w.part_ways()
    w.say("{meet_} stood there and looked at the {obj}.", "Then {meet} came by and saw the {obj}.", "{H_} had a neighbor, {meet}, who liked the {obj} very much.")
    w.say("\"What a nice {obj}!\" said {F}. \"May I try it?\"", "\"Can we play with the {obj} together?\" asked {F}.", "\"I have never had a {obj},\" said {F}.")
    w.say("\"No, it is mine,\" said {H}, and {F} went away.", "{H_} shook {his} head, and {F} looked sad.", "{H_} turned around and said nothing.")
    w.say("But soon it was boring to be alone with the {obj}.", "After a while {H} did not know what to do with the {obj} any more.", "{H_} looked at the {obj}, and it was not so much fun now.")
    w.part_ways()
    w.say("{He_} went to find {F}. \"Come,\" {he} said, \"let us share the {obj}.\"", "\"{fname}!\" called {H}. \"Do you want to try my {obj}?\"", "{H_} took the {obj} and knocked at the door of {F}.")
    w.say("{F_} smiled, and they took the {obj} to {spot}.", "They had so many new ideas what to do with the {obj}.", "Together they laughed more than {H} had laughed all week.")
    w.say("\"A {obj} is much better with two,\" said {H}.", "In the evening {H} said, \"Tomorrow it is your turn to keep the {obj}.\"", "{H_} learned that a {obj} is only fun when you share it.")


def visit(w):
    w.say("{H_} had never been to the {place}.", "Everyone talked about the {place}, but {H} had never seen it.", "{H_} dreamed of the {place} every night.")
    w.say("{time}, {he} packed some {food} and set out.", "{time}, {H} decided to go to the {place}.", "{time}, {he} said, \"Today I will go to the {place}.\"")
    w.say("The way to the {place} was long.", "{H_} walked for an hour until {he} saw the {place}.", "And then, there it was: the {place}.")
    w.say("It was even more beautiful than {H} had thought.", "The {place} was big and very quiet.", "{H_} stood still and looked with big eyes.")
    w.part_ways()
    w.say("At the {place} {he} met {meet}.", "There was {meet}, who knew the {place} well.", "\"Welcome,\" said a voice. It was {meet}, who lived at the {place}.")
    w.say("\"Is this your first time at the {place}?\" asked {F}.", "\"Come, I will show you the {place},\" said {F}.", "\"The {place} has a secret,\" said {F}. \"Do you want to see it?\"")
    w.choose("secret", ["a hidden door", "a tree full of golden leaves", "a wall with a hundred names", "a tiny house for birds", "a deep well that sings", "an old song cut into stone"])
    w.facts["secret"] = w["secret"]
    w.say("{F_} led {H} to a corner, and there was {secret}.", "They went around a corner, and {H} saw {secret}.", "Behind some bushes they found {secret}.")
    w.say("\"Almost nobody knows about this,\" said {F}.", "\"How wonderful!\" said {H}.", "{H_} had never seen anything like it.")
    w.part_ways()
    w.say("They stayed at the {place} until the sun went down.", "They ate the {food} and talked about a thousand things.", "All afternoon they walked around the {place}.")
    w.say("When it was time to leave, {H} was a little sad.", "\"I have to go home now,\" said {H}.", "\"Will you come back to the {place}?\" asked {F}.")
    w.say("\"I will come back every summer,\" said {H}.", "{H_} often thought of the {place} after that.", "And whenever {H} closed {his} eyes, {he} could see the {place}.", "Since then, the {place} is their place.")


def saved(w):
    w.say("{H_} loved the {place}.", "Every day after school, {H} went to the {place}.", "The {place} was the favorite spot of {H}.")
    w.say("But the {place} was old, and nobody took care of it.", "But {time_low}, {he} saw that the {place} was full of trash.", "But {time_low}, there was a sign: \"The {place} will be closed.\"")
    w.say("\"The {place} must not end like this,\" said {H}.", "{H_} was sad and angry at once.", "\"Somebody must do something,\" {he} thought. \"Maybe that is me.\"")
    w.part_ways()
    w.say("{He_} asked {meet} for help.", "{He_} told {meet} about it.", "The first one who helped was {meet}.")
    w.say("\"But we are only two,\" said {F}.", "\"Let us start today,\" said {F}.", "\"I love the {place}, too,\" said {F}.")
    w.say("They cleaned, painted and planted flowers at the {place}.", "They began to clean the {place}, one corner after the other.", "First they put up a note: \"Help us to save the {place}!\"")
    w.say("Soon others saw them and came to help.", "The next day three more came, and then ten.", "Little by little, the whole town came to the {place}.")
    w.part_ways()
    w.say("After a week the {place} looked like new.", "And then the {place} was more beautiful than ever.", "Nobody had seen the {place} so clean and bright.")
    w.say("There was a big party at the {place}, with {food} and music.", "The mayor came and said, \"The {place} will stay open.\"", "Everyone sat together at the {place} and ate {food}.")
    w.say("\"It began with you,\" said {F} to {H}.", "\"We did it together,\" said {H}.", "{H_} and {F} looked at the {place} and smiled.")
    w.say("And the {place} is still there, open for everyone.", "So {H} learned that one person can start something big.", "To this day, {H} goes to the {place} every morning.")


def baked(w):
    """The object is something to eat."""
    w.say("{H_} wanted to have the best {obj} in the world.", "{H_} was hungry and could think only of a {obj}.", "{time}, {H} dreamed of a big {obj}.")
    w.say("So {he} went to {spot} to look for a good {obj}.", "{He_} asked {his} grandmother for her secret, for her {obj} was famous.", "\"I need the perfect {obj},\" said {H}, and {he} went to {spot}.")
    w.say("It took all day, but in the evening {he} had a wonderful {obj}.", "At last {he} held the {obj} in {his} hands. It smelled so good!", "It was the finest {obj} that {he} had ever seen.")
    w.part_ways()
    w.say("Just as {he} wanted to take the first bite, there was a knock.", "But then {H} heard a voice. \"Is that a {obj}?\"", "On the way home with the {obj}, {H} heard someone sigh.")
    w.say("It was {meet}, who had not eaten all day.", "It was {meet}, who was tired and hungry.")
    w.say("{F_} looked at the {obj} and said nothing.", "\"I have never had a {obj} like that,\" said {F}.", "\"What a lovely {obj},\" said {F} softly.")
    w.say("{H_} looked at the {obj}. It was not very big.", "{H_} thought about it. There was only one {obj}.", "For a moment {H} wanted to hide the {obj}.")
    w.part_ways()
    w.say("Then {he} cut the {obj} in two and gave {F} one half.", "\"Half of the {obj} is for you,\" said {H}.", "\"Sit down,\" said {H}. \"We will share the {obj}.\"")
    w.say("They ate slowly and talked until the stars came out.", "\"This is the best {obj} of my life,\" said {F}.", "Never before had a {obj} tasted so good.")
    w.say("The next day {F} came back with a new {obj}, even bigger than the first.", "A week later {F} brought {H} a basket of {food}.", "After that, they had a {obj} together every Sunday.")
    w.say("And {H} knew: a {obj} is best when you share it.", "That is how a {obj} made two people friends.", "Since then, {H} always makes two of everything.")


def watched(w):
    """The object stays where it is, and someone comes to it every day."""
    w.say("Every day {H} looked at the {obj}.", "There was a {obj} that {H} liked more than any other.", "From {his} window {H} could see a {obj}.", "{H_} thought that the {obj} was the most beautiful thing of all.")
    w.say("{He_} told the {obj} everything that happened.", "When {he} was sad, the {obj} made {him} feel better.", "\"Good morning, dear {obj},\" {he} said each day.", "{H_} even had a name for the {obj}, but it was a secret.")
    w.say("{time}, the {obj} was not like before.", "But {time_low}, {H} could not see the {obj}.", "{time}, something was wrong with the {obj}.")
    w.say("\"What has happened to my {obj}?\" asked {H}.", "{H_} was worried about the {obj}.", "Without the {obj}, everything looked gray.")
    w.part_ways()
    w.say("{He_} went to {meet}, who knew many things.", "{He_} asked {meet} for help.", "{meet_} saw that {H} was sad.")
    w.say("\"I miss the {obj},\" said {H}.", "{H_} told {F} about the {obj}.", "\"It is about the {obj},\" said {H}, and {he} told the whole story.")
    w.say("\"Things change, and sometimes they come back,\" said {F}.", "\"I like the {obj}, too,\" said {F}. \"Let us wait for it together.\"", "\"Be patient,\" said {F}. \"The {obj} needs a little time.\"")
    w.say("So they waited, and {F} told stories about the {obj}.", "They sat down together and drew pictures of the {obj}.", "They sang a song for the {obj}, first softly and then loudly.")
    w.part_ways()
    w.say("The next morning {H} ran outside. There was the {obj}, more beautiful than ever!", "And then, after three long days, {H} saw the {obj} again.", "At last the {obj} was fine again, and it seemed to smile.")
    w.say("\"Look, {fname}! The {obj}!\" shouted {H}.", "{H_} and {F} danced around for joy.", "\"I knew it,\" said {F}.")
    w.say("From then on, they looked at the {obj} together.", "And {H} was never alone with the {obj} again.", "If you ask {H} today, {he} will tell you about the {obj}.")


FOOD_PLOTS = [baked]
NATURE_PLOTS = [watched]
OBJECT_PLOTS = [found_and_fixed, gone_and_back, present]
PLACE_PLOTS = [visit, saved]
