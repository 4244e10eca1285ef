"""Plots for a hero who can be anyone: an animal, a person, a robot.

Each function tells one story into a World.  A beat offers several ways to
say the same thing, and what happens later follows from what was chosen
before, so a story keeps to its facts.
"""


def lost_thing(w):
    thing = w.choose("thing", ["red scarf", "shiny button", "silver bell", "favorite blanket", "blue marble", "little drum", "golden key",
                               "round pebble", "striped hat", "small box"])
    w.facts["lost"] = thing
    w.say("{H_} had a {thing} and loved it more than anything.", "The thing {he} loved best was a {thing}.",
          "{H_} owned only one treasure, a {thing}.", "Every day {H} played with a {thing}.")
    w.say("{time}, the {thing} was gone.", "But {time_low}, {he} could not find the {thing}.",
          "{time}, {H} looked for the {thing}, but it was not there.")
    w.say("\"Where can it be?\" said {H}.", "\"Oh no!\" cried {H}. \"I have lost my {thing}!\"", "{H_} felt sad and began to search.",
          "{He_} looked everywhere at home, but found nothing.")
    w.part_ways()
    w.say("First, {H} {walk} to {spot}.", "{H_} looked near {spot} first.", "The search began at {spot}.")
    w.say("There was nothing there but a few dry leaves.", "But the {thing} was not there.", "{He_} found an old spoon, but no {thing}.",
          "Nobody there had seen it.") if not w.wet else w.say("There was nothing there but sand and shells.", "But the {thing} was not there.")
    w.say("Then {H} met {meet}.", "On the way to {spot2}, {H} met {meet}.", "Near {spot2} sat {meet}.")
    w.say("\"Have you seen my {thing}?\" asked {H}.", "\"I am looking for my {thing},\" said {H}.", "{H_} told {F} about the {thing}.")
    w.say("\"No, but I will help you look,\" said {F}.", "\"Two can search better than one,\" {F} answered. \"Let us look together.\"",
          "{F_} thought for a moment. \"Where did you have it last?\" {fhe} asked. \"Maybe at {spot3},\" said {H}.")
    w.part_ways()
    w.say("Together they {walk} to {spot3}.", "So the two of them went to {spot3}.", "They looked high and low until they came to {spot3}.")
    w.say("And there it was! The {thing} lay on the ground, a little dirty but not broken.", "Something was shining there. It was the {thing}!",
          "{F_} gave a shout. \"Here it is!\" The {thing} had been there all the time.", "Behind a stone, {H} saw the {thing}.")
    w.say("{H_} was so happy that {he} danced.", "\"Thank you, {F}!\" said {H}.", "{H_} hugged {F} and laughed.")
    w.say("That evening {H} let {F} hold the {thing} for a while.", "From that day on, {H} kept the {thing} in a safe place.",
          "{H_} had found the {thing}, and a new friend as well.", "After that, {H} and {F} met every day.")


def new_friend(w):
    w.say("{H_} had no one to play with.", "{H_} often felt alone.", "Most days {H} played alone, and that was not much fun.",
          "{He_} wished for a friend more than anything.")
    w.say("{time}, {he} heard someone crying near {spot}.", "{time}, {H} saw a stranger near {spot}.", "{time}, {H} {walk} to {spot} and saw someone new.")
    w.say("It was {meet}.", "It was {meet}, who had just come to live there.", "There sat {meet}, looking very shy.")
    w.say("\"Hello,\" said {H}. \"Why are you sitting here alone?\"", "{H_} came a little closer. \"Do you want to play?\" {he} asked.",
          "\"My name is {hname_say}. What is yours?\" asked {H}.")
    w.say("\"I am new here and I do not know anyone,\" said {F}.", "{F_} looked down. \"I am afraid that nobody will like me,\" {fhe} said.",
          "\"I am {fname_say},\" said {F} in a soft voice.")
    w.part_ways()
    w.say("{H_} smiled. \"Now you know me,\" {he} said.", "\"Come with me,\" said {H}. \"I will show you everything.\"",
          "\"I know a good game,\" said {H}. \"I will teach you.\"")
    w.choose("game", ["hide and seek", "tag", "a guessing game", "a jumping game", "a game with pebbles", "a singing game"])
    w.facts["game"] = w["game"]
    w.say("They played {game} until the sun went down.", "First they played {game}, and then they {walk} to {spot2}.",
          "All afternoon they played {game} at {spot2}.")
    w.say("{F_} laughed for the first time that day.", "{F_} won twice, and {H} did not mind at all.", "{H_} had never laughed so much.",
          "When they got tired, they shared some {food}.")
    w.part_ways()
    w.say("When it got dark, {F} asked, \"Can we play again tomorrow?\"", "\"Will you come back tomorrow?\" asked {F}.",
          "At last it was time to go home. \"See you tomorrow,\" said {F}.")
    w.say("\"Of course,\" said {H}. \"That is what friends do.\"", "\"Every day, if you like,\" said {H}.", "{H_} nodded and smiled all the way home.")
    w.say("After that, neither of them was ever lonely again.", "From then on, {H} and {F} were best friends.",
          "And so two lonely hearts became one happy pair.", "That night {H} fell asleep with a smile.")


def fear(w):
    afraid, place = w.rng.choice([("the dark", "a dark tunnel"), ("thunder", "the open field in a storm"), ("deep water", "the deep part of the water"),
                                  ("loud noises", "the noisy mill"), ("high places", "the top of the cliff"), ("strangers", "a crowd of strangers")])
    w["afraid"], w["scene"] = afraid, place
    w.facts["afraid"] = afraid
    w.say("{H_} had a secret: {he} was afraid of {afraid}.", "There was one thing {H} did not like, and that was {afraid}.",
          "Everyone thought that {H} was brave, but {he} was afraid of {afraid}.")
    w.say("When others talked about it, {he} always {walk} away.", "{He_} never told anyone.", "Just thinking of it made {him} shake.", chance=0.7)
    w.say("{He_} had a good friend, {meet}.", "{His_} best friend was {meet}.", "{H_} spent every day with {meet}.")
    w.part_ways()
    w.say("{time}, {F} did not come to play.", "{time}, {H} waited for {F}, but nobody came.", "{time}, {H} heard a cry for help.")
    w.say("{H_} looked around and saw {F} far away. {F_} was in {scene} and could not get out.",
          "Then {he} heard the voice of {F}. It came from {scene}.", "\"Help!\" called a voice from {scene}. It was {F}!")
    w.say("{H_} stopped. {His_} heart beat very fast.", "{H_} wanted to turn back.", "\"I can not do this,\" thought {H}.", "For a moment {H} could not move.")
    w.say("But {F} needed {him}.", "Then {he} thought of {F}, all alone.", "\"A friend is more important than my fear,\" {he} said.")
    w.part_ways()
    w.say("{He_} took a deep breath and counted to three.", "{He_} closed {his} eyes, opened them again and went on.", "Step by step, {H} moved closer.",
          "{He_} sang a little song to feel brave.")
    w.say("\"Hold on to me!\" {he} called.", "\"I am here, {F}!\" said {H}.", "Soon {H} was at the side of {F}.")
    w.say("Slowly they made their way back together.", "Together they found the way out.", "{F_} held on tight, and {H} led the way.")
    w.part_ways()
    w.say("\"You saved me,\" said {F}. \"You are so brave!\"", "\"Were you not afraid?\" asked {F}.", "{F_} smiled. \"I knew that you would come.\"")
    w.say("\"I was afraid,\" said {H}, \"but I came anyway.\"", "{H_} smiled. \"I was very afraid. But you are my friend.\"",
          "\"A little,\" said {H}. \"But now it is not so bad.\"")
    w.say("From that day on, {afraid} did not seem so terrible.", "Since then, {H} has not been afraid of {afraid} any more.",
          "{H_} had learned that being brave means going on while you are afraid.", "That night {H} slept well and was proud.")


def rescue(w):
    trouble, tool, action = w.rng.choice([
        ("stuck in a deep hole", "a long branch", "pushed it down so that {F} could climb up"),
        ("caught in an old net", "a sharp stone", "cut the strings one by one"),
        ("stuck under a heavy log", "a strong stick", "lifted the log a little, and {F} crept out"),
        ("stuck between two rocks", "some soft mud", "rubbed it on the rocks until {F} could slip out"),
        ("lost in the thick fog", "a little bell", "rang it again and again until {F} found the way")])
    if w.wet:
        trouble, tool, action = w.rng.choice([("caught in an old net", "a sharp shell", "cut the strings one by one"),
                                              ("stuck between two rocks", "a strong piece of wood", "pushed the rocks apart")])
    w["trouble"], w["tool"] = trouble, tool
    w.facts["tool"] = tool
    w.say("{time}, {H} was {walking} near {spot}.", "{time}, {H} was on the way to {spot}.", "{time}, {H} {walk} past {spot}.")
    w.say("Suddenly {he} heard a small voice. \"Help! Please help!\"", "Then {he} heard someone crying.", "\"Can anybody hear me?\" called a voice.")
    w.say("It was {meet}, who was {trouble}.", "{H_} looked closer. There was {meet}, {trouble}.", "{He_} found {meet}. The poor {fkind} was {trouble}.")
    w.say("\"Do not worry,\" said {H}. \"I will help you.\"", "\"Stay calm,\" said {H}. \"I have an idea.\"", "{H_} did not wait a moment.")
    w.part_ways()
    w.say("First {H} pulled as hard as {he} could, but it did not work.", "{H_} tried with all {his} strength, but nothing moved.",
          "{He_} called for others, but nobody was near.")
    w.say("\"Please do not leave me,\" said {F}.", "{F_} began to cry.", "\"It is no use,\" said {F}.", chance=0.6)
    w.say("Then {H} looked around and saw {tool}.", "{H_} thought hard. Then {he} went to find {tool}.", "\"Wait!\" said {H}. {He_} came back with {tool}.")
    w["action"] = w.fill(action)
    w.say("{He_} took it and {action}.", "With it, {he} {action}.", "Carefully, {H} {action}.")
    w.say("At last {F} was free!", "\"I am free!\" shouted {F}.", "It took a long time, but then {F} was safe.")
    w.part_ways()
    w.say("\"Thank you,\" said {F}. \"I will never forget this.\"", "{F_} could not stop saying thank you.", "\"How can I thank you?\" asked {F}.")
    w.say("\"You would do the same for me,\" said {H}.", "\"I am happy that you are well,\" said {H}.", "{H_} only smiled.")
    w.say("A few days later, {F} came with a gift: a basket of {food}.", "Some time later, {H} was in trouble, and {F} was the first to help.",
          "The next day {F} brought {food}, and they ate together at {spot2}.")
    w.say("So {H} learned that kindness always comes back.", "They have been friends ever since.", "And that is how {H} and {F} became friends.")


def race(w):
    w["prize"] = w.rng.choice(["a basket of FOOD", "a golden cup", "a shiny medal", "a big cake"]).replace("FOOD", w["food"])
    w.facts["prize"] = w["prize"]
    w.say("Every year there was a big race from {spot} to {spot2}.", "{time}, everyone came together for the great race to {spot2}.",
          "The great race was coming, and the prize was {prize}.")
    w.say("The winner would get {prize}.", "\"The first one there gets {prize},\" said the judge.", "Everybody wanted to win {prize}.")
    w.say("{H_} wanted to win, but so did {meet}.", "{H_} had trained for weeks. So had {meet}.", "The fastest of all was {meet}, but {H} wanted to try.")
    w.say("\"You can never beat me,\" said {F}.", "\"May the best one win,\" said {F}.", "{F_} laughed. \"You are too slow, {hname}!\"")
    w.part_ways()
    w.say("\"One, two, three, go!\" And off they went.", "The bell rang and the race began.", "When the whistle blew, everyone started at once.")
    w.say("{F_} was soon far ahead, but {H} did not give up.", "At first {H} was the last one.", "{H_} and {F} were side by side.")
    if w.rng.random() < 0.5:
        w.facts["winner"] = w["hname"]
        w.say("Half way, {F} stopped for a rest, because {fhe} felt so sure.", "Then {F} took a wrong turn near {spot3}.",
              "Near {spot3}, {F} stopped to wave to the crowd.")
        w.say("{H_} kept going and never looked back.", "{H_} went on, slow but steady.", "{H_} used the chance and {ran} on.")
        w.say("When {F} came to the end, {H} was already there!", "{H_} crossed the line first.", "Everyone cheered, for {H} had won!")
        w.part_ways()
        w.say("\"Well done,\" said {F}. \"I was too proud.\"", "{F_} felt bad, but {fhe} shook hands with {H}.", "\"I should not have laughed,\" said {F}.")
        w.say("{H_} shared {prize} with everyone, and with {F} first of all.", "\"Let us train together next year,\" said {H}.",
              "{H_} took {prize} home and was proud for a long time.")
    else:
        w.facts["winner"] = "nobody"
        w.say("Then, near {spot3}, {F} fell and hurt a leg." if not w.wet else "Then, near {spot3}, {F} got stuck in the seaweed.",
              "Near {spot3}, {H} heard {F} cry for help.")
        w.say("{H_} could have won now. But {he} turned around.", "{H_} saw the end of the race, so close. Then {he} looked back at {F}.",
              "\"The prize can wait,\" thought {H}.")
        w.say("{He_} helped {F} up, and they went on together.", "\"Lean on me,\" {he} said.", "{H_} stayed with {F} until help came.")
        w.part_ways()
        w.say("They came last, but everyone cheered for them.", "Another one won the race, but nobody talked about that.", "They crossed the line side by side, as the very last.")
        w.say("\"You gave up the prize for me,\" said {F}. \"I was wrong about you.\"", "\"Thank you,\" said {F}. \"You are a real friend.\"")
        w.say("The judge gave {H} a flower for the kindest heart.", "{H_} did not have {prize}, but {he} had a friend, and that was better.",
              "That evening {H} felt like a winner all the same.")


def learning(w):
    skill, step = w.rng.choice([("sing", "sang one note"), ("dance", "made one small step"), ("whistle", "blew as softly as possible"), ("paint", "painted one line"),
                                ("juggle", "threw one ball"), ("tell jokes", "told one short joke"), ("count to ten", "said one number"), ("play the drum", "made one beat"),
                                ("make a perfect knot", "made one loop"), ("jump high", "made one small jump")])
    w["skill"], w["step"] = skill, step
    w.facts["skill"] = skill
    w.say("More than anything, {H} wanted to {skill}.", "{H_} had a dream: {he} wanted to {skill}.", "Everyone could {skill}, only {H} could not.")
    w.say("{time}, {he} tried it for the first time.", "{time}, {he} started to practice near {spot}.", "{time}, {H} went to {spot} to try it where nobody could see.")
    w.say("It went all wrong.", "It did not go well at all.", "The first try was so bad that some birds laughed." if not w.wet else "The first try was so bad that a crab laughed.",
          "{He_} tried ten times and failed ten times.")
    w.say("\"I will never be able to {skill},\" {he} said.", "{H_} sat down and cried a little.", "\"Maybe it is too hard for me,\" thought {H}.")
    w.part_ways()
    w.say("{meet_} came by and saw it all.", "Then {meet} sat down beside {him}.", "Just then {H} met {meet}.")
    w.say("\"I could not {skill} at first either,\" said {F}.", "\"Nobody is good at the start,\" said {F}.", "\"Why are you so sad?\" asked {F}, and {H} explained.")
    w.say("\"Begin with something small and do it every day.\"", "\"Go slowly,\" {fhe} said. \"A little bit each day is enough.\"",
          "{F_} showed {H} how to begin.")
    w.say("So {H} {step}. Then {he} did it again.", "The next day {H} {step}, and it was not so bad.", "{H_} {step}, and {F} clapped.")
    w.say("Day after day they practiced together.", "Every morning {H} practiced at {spot2}.", "A week went by, and then another.", "It rained and it snowed, but {H} did not stop.")
    w.part_ways()
    w.say("Then came the day of the big party.", "At last the summer feast came.", "One evening all the neighbors came together.")
    w.say("{H_} stood up in front of everyone, and {his} heart was beating fast.", "\"Now you,\" said {F}, and {H} stood up.")
    w.say("And it worked! {H_} could {skill} better than anyone had thought.", "{H_} began to {skill}, and everybody was amazed.", "It was not perfect, but it was beautiful.")
    w.say("\"How did you learn that?\" they asked. \"A little every day,\" said {H}.", "{F_} was the one who clapped the loudest.",
          "{H_} looked at {F} and smiled. \"Thank you for not laughing,\" {he} said.")
    w.say("Since then, {H} helps others who want to learn.", "So {H} learned that practice makes big dreams come true.", "{H_} went home happy and proud.")


def storm(w):
    w.say("{time}, dark clouds came up over {spot}.", "{time}, the wind began to blow harder and harder.", "{time}, the sky turned gray and everything became very still.")
    w.say("\"A storm is coming,\" said {H}.", "{H_} knew what that meant: a storm.", "{H_} looked up and began to hurry.")
    w.say("{He_} closed everything well and brought in some {food}.", "{He_} {ran} home and got everything ready.", "Quickly {he} made {his} home safe.")
    w.part_ways()
    w.say("Soon the thunder rolled, and it was as dark as night.", "Then the storm was there, with thunder and lightning.", "The storm roared like a lion.")
    w.say("In the middle of the noise, {H} heard a knock.", "Then {he} heard a weak voice outside.", "Suddenly {H} saw someone out there in the storm.")
    w.say("It was {meet}, wet and cold." if not w.wet else "It was {meet}, tired and afraid.", "There was {meet}, who had nowhere to go.", "{meet_} stood outside and shook with fear.")
    w.say("\"Please, may I come in?\" asked {F}.", "\"My home is gone,\" said {F}.", "\"I lost my way,\" said {F}.")
    w.say("{His_} home was very small, but {H} said, \"Come in!\"", "\"Come in, there is room for two,\" said {H}.", "{H_} did not think twice and let {F} in.")
    w.part_ways()
    w.say("They shared the {food} and told each other stories.", "{H_} gave {F} some {food} and a warm place to rest.", "They sat close together and listened to the storm.")
    w.say("\"I am not so afraid when you are here,\" said {F}.", "After a while even the thunder did not sound so bad.", "{F_} sang a soft song, and {H} sang along.")
    w.say("In the morning the storm was over.", "When they woke up, the sun was shining.", "The next day the sky was blue and clear.")
    w.say("A big rainbow stood over {spot}.", "Everything was fresh and bright.", "They {walk} to {spot} and looked at the rainbow.", chance=0.8)
    w.say("{H_} helped {F} to build a new home right next door.", "\"Stay here,\" said {H}. \"We can be neighbors.\"", "Together they repaired what the storm had broken.")
    w.say("And whenever a storm comes, they sit together and tell stories.", "Since that night, {H} likes storms a little bit.", "From then on they were the best of neighbors.")


def planting(w):
    crop = w.choose("crop", ["sunflower", "pumpkin", "apple tree", "strawberry plant", "bean plant", "rose bush", "carrot", "cherry tree"])
    w.facts["plant"] = crop
    w.say("{time}, {H} found a tiny seed near {spot}.", "{time}, {meet} gave {H} a tiny seed.", "{time}, {H} got a seed as a present.")
    w["introduced"] = "given" if "gave" in w.lines[-1] else ""
    w.say("\"What will it be?\" {he} wondered.", "It was so small that it almost got lost.", "\"I will plant it,\" {he} said, \"and see what comes.\"")
    w.say("{H_} dug a little hole, put the seed in and gave it water.", "{He_} planted it in the best place {he} could find.", "So {he} put it in the soft ground and covered it well.")
    w.part_ways()
    w.say("The next day {he} looked, but there was nothing.", "{H_} waited one day, two days, three days. Nothing happened.", "Every morning {H} {ran} to look, but there was only dirt.")
    if w["introduced"]:
        w.say("\"It does not grow,\" {he} told {F}.", "\"Maybe the seed is broken,\" {he} said to {F}.")
    else:
        w.say("\"My seed does not grow,\" {he} told {meet}.", "\"Maybe it is broken,\" {he} said to {meet}.")
    w.say("\"Good things need time,\" said {F}.", "{F_} smiled. \"Give it water, sun and time.\"", "\"Wait,\" said {F}. \"The seed is working under the ground.\"")
    w.say("So {H} watered it every day and sang to it.", "So {H} was patient and took good care of it.", "{H_} did as {F} said, in sun and in wind.")
    w.part_ways()
    w.say("Then, one morning, there was a tiny green leaf.", "At last a small green tip came out of the ground.", "And one day, something green looked out of the ground.")
    w.say("\"It is growing!\" shouted {H}.", "{H_} jumped for joy.", "{H_} called {F} at once.")
    w.say("It grew and grew, and in the end it was a beautiful {crop}.", "Week by week it grew, until it was a big {crop}.", "By the end of summer it had become a fine {crop}.")
    w.say("Everyone came to see it.", "{H_} shared it with {F} and all the neighbors.", "{H_} and {F} sat beside it every evening.")
    w.say("\"You were right,\" said {H} to {F}. \"Good things need time.\"", "{H_} saved some new seeds and gave them to {F}.", "And {H} learned to be patient.")


def sharing(w):
    w.facts["food"] = w["food"]
    w.say("{H_} loved {food} more than anything else.", "There was nothing {H} liked more than {food}.", "{time}, {H} found a whole basket of {food} near {spot}.")
    w.say("{H_} had a big pile of {food} at home and counted it every day.", "Soon {he} had so much that {he} could hardly carry it.", "\"All of this is mine,\" said {H}.")
    w.part_ways()
    w.say("Then came {meet}, who had eaten nothing all day.", "{time_again}, {meet} came to the door.", "On the way home {H} met {meet}.")
    w.say("\"I am so hungry,\" said {F}. \"May I have a little?\"", "\"Could you give me some {food}?\" asked {F}.", "{F_} looked at the {food} with big eyes.")
    w.say("\"No,\" said {H}. \"I need it all for myself.\"", "{H_} held it tight. \"It is mine,\" {he} said.", "{H_} pretended not to hear.")
    w.say("{F_} went away without a word.", "{F_} looked sad and {walk} away.", "\"I see,\" said {F} softly and left.")
    w.part_ways()
    w.say("But that night {H} could not sleep.", "{H_} started to eat, but it did not taste good.", "{H_} ate alone, and it was very quiet.")
    w.say("{He_} kept thinking of {F}.", "\"That was not kind of me,\" {he} thought.", "{He_} remembered how it felt to be hungry.")
    w.say("So {he} took half of the {food} and {walk} to find {F}.", "Early in the morning {he} packed the {food} and went to look for {F}.", "{He_} got up, took the {food} and {ran} after {F}.")
    w.say("\"I am sorry,\" {he} said. \"This is for you.\"", "\"Please forgive me,\" said {H}. \"Let us eat together.\"")
    w.say("{F_} smiled, and they sat down at {spot2} to eat.", "They ate together, and they talked and laughed.", "\"Thank you,\" said {F}, and they shared it all.")
    w.say("It tasted better than ever before.", "\"It tastes much better with a friend,\" said {H}.", "{H_} was surprised: half of it made {him} twice as happy.")
    w.say("Since that day {H} always keeps some for others.", "And {H} never ate alone again.", "So {H} learned how good it feels to share.")


def treasure(w):
    w.choose("found", ["a letter that said: the best treasure is a friend", "a pile of old coins", "a music box that still played", "a box full of colored glass",
                       "a book of old songs", "a crown made of paper", "a hundred shiny marbles"])
    w.facts["treasure"] = w["found"]
    w.say("{time}, {H} found an old map near {spot}.", "{time}, {H} found a bottle with a map inside.", "{time}, an old map fell out of a dusty book, right in front of {H}." if not w.wet else "{time}, {H} found a map in an old chest.")
    w.say("It showed a path with three marks and a big red cross.", "On it was a big red cross.", "\"This is a treasure map!\" said {H}.")
    w.say("{He_} showed it to {meet}.", "{H_} told {meet} about it.", "{He_} did not want to go alone, so {he} asked {meet}.")
    w.say("\"Let us go and find it!\" said {F}.", "\"I have always wanted to find a treasure,\" said {F}.", "{F_} was so excited that {fhe} could not stand still.")
    w.part_ways()
    w.say("The first mark was {spot2}. That was easy.", "First they {walk} to {spot2}, just like the map said.", "They followed the path to {spot2}.")
    w.say("Then they came to {spot3}, where they almost got lost.", "After that the way to {spot3} was long and hard.", "At {spot3} they had to stop and look at the map again.")
    w.say("\"I am tired,\" said {F}. \"Just a little more,\" said {H}.", "When {H} wanted to give up, {F} said, \"We are almost there.\"", "They shared some {food} and went on.")
    w.say("At last they found the red cross, painted on a flat stone.", "Finally they stood in front of a big stone with a red cross.")
    w.part_ways()
    w.say("Together they pushed the stone away.", "They dug and dug.", "{H_} lifted the stone, and {F} looked under it.")
    w.say("There was an old chest, and in it they found {found}.", "Under it was a box. They opened it and found {found}.")
    w.say("They looked at each other and laughed.", "\"It is wonderful,\" said {H}.", "\"We did it!\" shouted {F}.")
    w.say("\"What shall we do with it?\" asked {F}. \"We share it, of course,\" said {H}.", "They took it home together and showed it to everyone.",
          "\"The best part was the way here with you,\" said {H}.")
    w.say("And the map? They hid it again for the next one who wants an adventure.", "They still talk about that day.", "It was the best adventure of their lives.")


def honesty(w):
    item = w.choose("item", ["blue cup", "little mirror", "clay pot", "wooden flute", "glass star", "snow globe", "tea pot", "toy boat"])
    w.facts["broke"] = item
    w.say("{H_} had a good friend, {meet}.", "{H_} lived next to {meet}.", "{time}, {H} visited {meet}.")
    w.say("{F_} had a {item} and was very proud of it.", "The {item} was the most beautiful thing that {F} owned.", "On a shelf stood a {item} that {F} loved very much.")
    w.say("{time}, while {F} was away, {H} wanted to look at the {item}.", "When {F} went out for a moment, {H} picked up the {item}.")
    w.say("It slipped and fell. Crash! It was broken.", "Then it happened: the {item} fell down and broke.", "{He_} was not careful, and it broke into three pieces.")
    w.say("{H_} was scared and hid the pieces.", "\"Nobody saw it,\" thought {H} and hid the pieces.", "Quickly {he} put the pieces under a cloth and {walk} home.")
    w.part_ways()
    w.say("When {F} came back, {fhe} looked for the {item}.", "Soon {F} asked, \"Have you seen my {item}?\"", "The next day {F} was very sad about the {item}.")
    w.say("\"No,\" said {H}, but {his} face turned red.", "{H_} said nothing.", "\"I do not know where it is,\" said {H}. It was not true.")
    w.say("That night {H} could not sleep.", "{H_} had a bad feeling in {his} belly.", "All day {H} could think of nothing else.")
    w.say("In the morning {he} went to {F}. \"I broke it,\" {he} said. \"I am so sorry.\"", "At last {he} said, \"It was me, {F}. I broke it, and I hid it.\"",
          "Then {H} took the pieces, {walk} to {F} and told the truth.")
    w.part_ways()
    w.say("{F_} was quiet for a while.", "First {F} was angry, but then {fhe} took a deep breath.", "{F_} looked at the pieces, and then at {H}.")
    w.say("\"Thank you for telling me,\" {fhe} said. \"Friends are more important than things.\"", "\"It was brave of you to tell the truth,\" said {F}.",
          "\"I am sad about the {item},\" said {F}, \"but I am glad that you told me.\"")
    w.say("Together they fixed the {item} with glue.", "They put the pieces together again, and it took the whole afternoon.", "\"Let us fix it together,\" said {H}, and so they did.")
    w.say("It had some cracks, but now {F} liked it even more.", "You could still see the cracks, but nobody minded.", "The {item} was not like new, but the friendship was.")
    w.say("{H_} felt light and happy again.", "And {H} never hid the truth again.", "Since then, they tell each other everything.")


def gift(w):
    made = w.choose("made", ["a necklace of shells", "a crown of flowers", "a small boat of wood", "a picture of the two of them", "a song", "a soft pillow",
                             "a lamp made from a jar", "a bird made of paper"] if not w.wet else ["a necklace of shells", "a crown of seaweed", "a song", "a picture in the sand"])
    w.facts["gift"] = made
    w.say("Tomorrow was the birthday of {meet}.", "{H_} had a friend, {meet}, and it was almost {fhis} birthday.", "{time}, {H} remembered: it was the birthday of {meet}!")
    w.say("\"I have no money for a present,\" thought {H}.", "{H_} wanted to give {F} something special, but {he} had nothing.", "\"What can I give?\" {he} wondered.")
    w.say("{He_} {walk} to {spot} to think.", "{He_} looked at {spot} and at {spot2}, but found nothing.", "{He_} asked everyone at {spot}, but nobody had an idea.")
    w.part_ways()
    w.say("Then {H} saw something pretty on the ground, and {he} had an idea.", "Suddenly {H} smiled. \"I will make something myself!\"", "\"The best presents are made by hand,\" an old neighbor told {him}.")
    w.say("{H_} worked all day and half of the night.", "{He_} worked and worked until {he} was very tired.", "It was not easy, and {he} had to start again twice.")
    w.say("In the end it was ready: {made}.", "When the sun came up, {he} had made {made}.", "At last {H} was done. It was {made}.")
    w.part_ways()
    w.say("At the party everyone had big presents.", "Many guests came to the party with big boxes.", "The next day there was a party with {food} and music.")
    w.say("{H_} felt shy and waited until the end.", "\"Mine is so small,\" thought {H}.", "{H_} almost did not dare to give {his} present.")
    w.say("But when {F} saw {made}, {fhe} was silent for a moment.", "{F_} opened it slowly and found {made}.", "\"It is only {made},\" said {H} softly.")
    w.say("\"You made this for me?\" said {F}. \"It is the best present of all!\"", "\"I love it,\" said {F}, \"because you made it yourself.\"", "{F_} gave {H} a big hug.")
    w.say("{H_} was so happy that {he} danced until the evening.", "And {F} has kept it to this day.", "Then they ate {food} and danced under the stars." if not w.wet else "Then they danced together until the evening.")


def night(w):
    w.say("One night {H} could not sleep.", "It was late, but {H} was still awake.", "The moon was high, and {H} lay awake.")
    w.say("{He_} turned to one side, and then to the other.", "{He_} counted to one hundred, but it did not help.", "Everything was quiet, too quiet.")
    w.say("So {he} got up and {walk} to {spot}.", "\"I will take a little walk,\" {he} said and went to {spot}." if not w.wet else "\"I will take a little swim,\" {he} said.",
          "At last {he} went outside and looked at the stars." if not w.wet else "At last {he} {walk} up to look at the stars.")
    w.part_ways()
    w.say("There {he} met {meet}, who was awake as well.", "Someone was already there. It was {meet}.", "\"Who is there?\" asked a voice. It was {meet}.")
    w.say("\"Can you not sleep either?\" asked {F}.", "\"The night is full of thoughts,\" said {F}.", "\"I come here when I can not sleep,\" said {F}.")
    w.choose("worry", ["tomorrow is my first day at school", "I had a bad dream", "I said something unkind today", "I miss my family", "I am too excited about tomorrow"])
    w.facts["worry"] = w["worry"]
    w.say("\"I can not sleep because {worry},\" said {H}.", "{H_} sighed. \"I think it is because {worry}.\"")
    w.say("{F_} listened and did not laugh.", "{F_} nodded slowly. \"I know that feeling,\" {fhe} said.", "{F_} sat down close to {H}.")
    w.part_ways()
    w.say("Together they looked at the moon and counted the stars.", "They watched a falling star, and each of them made a wish.", "{F_} pointed at the stars and told a story about each of them.")
    w.say("\"Everything looks smaller in the morning,\" said {F}.", "\"Whatever comes, you are not alone,\" said {F}.", "\"You can always talk to me,\" said {F}.")
    w.say("Slowly the worry went away, and {H} began to yawn.", "{H_} felt better already, and {his} eyes grew heavy.", "{H_} yawned, and then {F} yawned as well.")
    w.say("{He_} said good night, {walk} home and fell asleep at once.", "Soon {H} was back home and fast asleep.", "That night {H} dreamed of the stars.")
    w.say("And in the morning everything was fine.", "The next day {H} woke up with a smile.", "From then on, they met at {spot} whenever one of them could not sleep.")


def building(w):
    what, stuff, fix = w.rng.choice([("house", "leaves", "stones"), ("boat", "paper", "strong wood"), ("bridge", "thin sticks", "big logs"), ("tower", "sand", "flat stones"),
                                     ("wagon", "old boxes", "good boards")] if not w.wet else [("house", "seaweed", "stones"), ("tower", "sand", "shells"), ("wall", "sand", "big stones")])
    w["what"], w["stuff"], w["fix"] = what, stuff, fix
    w.facts["built"] = what
    w.say("{time}, {H} had a big idea: {he} wanted to build a {what}.", "\"I am going to build a {what},\" said {H} {time_low}.", "{H_} needed a {what}, so {he} decided to build one.")
    w.say("{He_} looked for {stuff} near {spot} and began at once.", "{He_} took {stuff}, because that was easy to find.", "\"It will be quick,\" {he} thought, and used {stuff}.")
    w.say("By the evening it was done, and it looked nice.", "It was ready in one hour.", "It was a funny little {what}, but {H} was proud.")
    w.say("But then the wind came, and the {what} fell apart." if not w.wet else "But then the waves came, and the {what} fell apart.", "But the next day it broke in two.", "Then, with a loud crack, it all fell down.")
    w.part_ways()
    w.say("{H_} was angry and kicked the {stuff}.", "\"All my work for nothing!\" said {H}.", "{H_} sat down among the {stuff} and did not know what to do.")
    w.say("{meet_} had seen it all.", "Just then {meet} came by.", "Then {H} heard a voice. It was {meet}.")
    w.say("\"Try it with {fix},\" said {F}. \"It takes longer, but it lasts.\"", "\"You need {fix},\" said {F}. \"I will help you carry it.\"", "\"Good work takes time,\" said {F}. \"Take {fix}.\"")
    w.say("So they brought {fix} from {spot2}, piece by piece.", "It was heavy work, but together they could do it.", "For three days they worked side by side.")
    w.say("{H_} wanted to hurry, but {F} said, \"Slowly and well.\"", "{F_} held, and {H} tied everything together.", "When one of them got tired, the other one sang a song.", chance=0.8)
    w.part_ways()
    w.say("At last the new {what} was ready.", "And then it stood there: a strong new {what}.", "When it was done, they stepped back and looked at it.")
    w.say("The wind came again, but this time nothing moved." if not w.wet else "The waves came again, but this time nothing moved.", "{H_} shook it, but it stood firm.", "It was the best {what} anyone had ever seen.")
    w.say("\"It is our {what} now,\" said {H}.", "\"I could not have done it without you,\" said {H} to {F}.", "\"Now I know why good work takes time,\" said {H}.")
    w.say("They had a little party with {food}.", "And it is still standing there today.", "From then on, they built everything together.")


def lost_way(w):
    w.choose("sign", ["the north star", "the sound of the church bell", "the smell of fresh bread", "a thin line of smoke", "a small stream", "a light far away"] if not w.wet
             else ["the north star", "the light of the lighthouse", "a song far away", "the warm water"])
    w.facts["sign"] = w["sign"]
    w.say("{time}, {H} {walk} farther than ever before.", "{time}, {H} followed a butterfly and did not look at the way." if not w.wet else "{time}, {H} followed a ship and did not look at the way.",
          "{time}, {H} wanted to see what was behind {spot}.")
    w.say("Everything was new and exciting.", "{He_} saw {spot2} and many other things.", "It was so beautiful that {he} forgot the time.")
    w.say("But when {he} wanted to go home, nothing looked familiar.", "Then it got dark, and {H} did not know the way back.", "Suddenly {he} stopped. Where was the way home?")
    w.part_ways()
    w.say("\"Hello?\" called {H}, but nobody answered.", "{H_} began to feel afraid.", "{He_} tried one way, and then another, but both were wrong.")
    w.say("Near {spot3} {he} met {meet}.", "Then {he} saw {meet}.", "After a while {meet} came along.")
    w.say("\"I am lost,\" said {H}. \"I want to go home.\"", "\"Please, can you help me?\" asked {H}.", "{H_} told {F} what had happened.")
    w.say("\"Where do you live?\" asked {F}. \"I live {home},\" said {H}.", "\"Do not be afraid,\" said {F}. \"Tell me what is near your home.\" \"I live {home},\" said {H}.")
    w.say("\"Then you must follow {sign},\" said {F}. \"I will come with you.\"", "{F_} thought for a while. \"We should follow {sign},\" {fhe} said.")
    w.part_ways()
    w.say("So they followed {sign}, step by step." if not w.wet else "So they followed {sign} through the dark water.", "Side by side they went, always after {sign}.")
    w.say("To be less afraid, they sang a song.", "On the way they told each other funny stories.", "Once {H} wanted to stop, but {F} gave {him} some {food}.")
    w.say("And then {H} saw home!", "At last {H} cried, \"There is my home!\"", "Soon everything looked familiar again.")
    w.say("{His_} family {come} and hugged {him}.", "{H_} was so happy that {he} cried a little.", "\"You made it,\" said {F}.")
    w.say("\"Stay with us tonight,\" said {H} to {F}.", "{F_} stayed for dinner, and there was {food}.", "\"Thank you, {fname}. I will never forget this,\" said {H}.")
    w.say("Since then, {H} always looks at the way.", "And next time, they explored together.", "That is how {H} learned to ask for help.")


def noise(w):
    w.choose("sound", ["a strange tapping", "a low humming", "a soft scratching", "a funny squeaking", "a deep rumbling"])
    w.say("Every night {H} heard {sound}.", "{time}, {H} heard {sound} that {he} had never heard before.", "It began with {sound} in the middle of the night.")
    w.say("It came from {spot}.", "The sound seemed to come from {spot}.", "Nobody knew what it was, but it came from {spot}.")
    w.say("\"Maybe it is a monster,\" said the neighbors.", "\"Do not go there,\" everyone told {him}.", "{H_} felt a little afraid, but {he} wanted to know.")
    w.say("\"I must find out what it is,\" said {H}.", "But {H} was curious.", "One evening {H} took all {his} courage.")
    w.part_ways()
    w.say("Quietly {he} {walk} to {spot}.", "{H_} waited until it was dark and then {walk} to {spot}.", "As quiet as a shadow, {H} came closer and closer.")
    w.say("There it was again, {sound}!", "The sound got louder and louder.", "{His_} heart beat fast.")
    w.say("{He_} looked around the corner and saw {meet}.", "And who was there? It was {meet}!", "But it was not a monster at all. It was {meet}.")
    w.choose("reason", ["was practicing for a concert", "was building a new home", "was looking for a lost coin", "could not sleep and was playing alone", "was making toys for the little ones"])
    w.facts["reason"] = w["reason"]
    w.say("{F_} {reason}.", "The {fkind} {reason}.")
    w.say("\"Oh!\" said {F}. \"Did I wake you? I am so sorry.\"", "{F_} was just as scared as {H}.", "\"Please do not be angry,\" said {F}.")
    w.say("{H_} began to laugh. \"And I thought you were a monster!\"", "\"I am not angry,\" said {H}. \"Can I help you?\"", "They looked at each other, and then they both laughed.")
    w.part_ways()
    w.say("From then on, {H} helped {F} during the day, so the nights were quiet.", "{H_} stayed and helped until the moon went down.", "The next day {H} told everyone the truth, and they all came to help {F}.")
    w.say("And nobody was afraid of the noise any more.", "When {H} hears {sound} now, {he} smiles.", "So a scary noise became the start of a friendship.")


def small_helps(w):
    w.say("{H_} was the smallest of all, and the others often laughed about it.", "\"You are too small,\" everyone said to {H}.", "When the others played, {H} had to watch, because {he} was so small.")
    w.say("The one who laughed the loudest was {meet}.", "Even {meet} did not want to play with {him}.", "\"Come back when you have grown,\" said {meet}.")
    w.say("{H_} went home and felt sad.", "\"I wish that I were big,\" thought {H}.", "{H_} said nothing, but it hurt.")
    w.part_ways()
    w.choose("lost", ["golden key", "silver ring", "little bell", "shiny coin", "lucky stone"])
    w.facts["lost_by_friend"] = w["lost"]
    w.say("{time}, the {lost} of {F} fell into a deep, narrow crack near {spot}.", "{time}, {F} lost a {lost}. It had rolled into a tiny hole at {spot}.")
    w.say("{F_} tried to reach it, but the hole was too narrow.", "Everybody tried to get it out, but nobody fit inside.", "\"My {lost}!\" cried {F}. \"I will never get it back!\"")
    w.say("Then {H} stepped forward. \"Let me try,\" {he} said.", "\"I can do it,\" said a small voice. It was {H}.")
    w.say("{H_} crept into the hole, deeper and deeper.", "It was dark in there, but {H} was small enough to get through.", "In a moment {he} was gone from sight.")
    w.part_ways()
    w.say("A minute later {he} came out with the {lost}.", "Everyone held their breath. Then {H} came back, and {he} had the {lost}!")
    w.say("\"You are wonderful!\" said {F}. \"I am sorry that I laughed.\"", "{F_} was ashamed. \"I was wrong about you,\" {fhe} said.")
    w.say("\"Sometimes it is good to be small,\" said {H}.", "\"Everybody is good at something,\" said {H}.", "{H_} smiled and felt as tall as a tree.")
    w.say("From then on, {H} was always asked to play.", "Nobody laughed about {him} again.", "And {F} became the best friend of {H}.")


def wish(w):
    w.choose("wished", ["to be as big as a house", "to eat nothing but cake", "to have a hundred friends", "that it would never be night", "to be a king", "that every day would be a holiday"])
    w.facts["wish"] = w["wished"]
    w.say("{time}, {H} found a strange blue stone near {spot}.", "{time}, {H} saw something shine near {spot}. It was a blue stone.")
    w.say("\"I am a magic stone,\" it said. \"You have one wish.\"", "The stone began to glow and said, \"Make a wish!\"")
    w.say("{H_} did not think for long and wished {wished}.", "\"I know what I want,\" said {H}, and {he} wished {wished}.")
    w.say("There was a flash, and the wish came true.", "The stone hummed, and at once it was so.")
    w.part_ways()
    w.say("At first it was fun.", "On the first day {H} was very happy.", "\"This is great!\" said {H}.")
    w.say("But after a while {H} began to feel tired of it.", "But soon nothing was like before, and {H} did not feel well.", "But then {he} saw that it made everything harder.")
    w.say("{He_} told {meet} about it.", "Then {meet} came to see {him}.", "{meet_} looked at {him} and shook a wise head.")
    w.say("\"Not every wish makes us happy,\" said {F}.", "\"What do you really need?\" asked {F}.", "\"I liked you the way you were,\" said {F}.")
    w.part_ways()
    w.say("{H_} went back to the stone. \"Please take the wish back,\" {he} said.", "So {H} {walk} back and asked the stone to undo it.")
    w.say("\"You have learned something,\" said the stone, and it grew dark.", "The stone glowed once more, and everything was as before.")
    w.say("{H_} had never been so glad to be just {himself}.", "\"Now I am happy,\" said {H}. \"I have you, and that is enough.\"", "That evening {H} and {F} shared some {food} and laughed about it.")
    w.say("The stone is still there, but {H} does not need it any more.", "And {H} thinks twice before {he} makes a wish.")


def trick(w):
    w.say("{H_} loved to play tricks on others.", "Nobody played as many tricks as {H}.", "{H_} thought that tricks were the best fun in the world.")
    w.say("{time}, {he} hid behind {spot} and waited.", "{time}, {he} had a new idea and waited at {spot}.")
    w.say("Soon {meet} came along with a basket of {food}.", "Then {meet} came by, with {food} for a party.")
    w.say("\"Boo!\" shouted {H} and jumped out.", "{H_} made a terrible noise, like a monster.")
    w.say("{F_} was so scared that all the {food} fell into the mud." if not w.wet else "{F_} was so scared that all the {food} drifted away.", "{F_} let the basket fall and began to cry.")
    w.part_ways()
    w.say("{H_} wanted to laugh, but {he} saw the tears of {F}.", "At first {H} laughed. Then {he} saw how sad {F} was.")
    w.say("\"That was for my grandmother,\" said {F}. \"It is her birthday.\"", "\"I worked all day for this,\" said {F}.")
    w.say("{H_} felt very bad. \"I am sorry,\" {he} said. \"I will make it good again.\"", "\"I did not want that,\" said {H}. \"Let me help you.\"")
    w.say("{He_} {ran} from {spot2} to {spot3} and gathered new {food}.", "Together they filled the basket again, and {H} gave all {he} had.")
    w.part_ways()
    w.say("In the evening the basket was full again.", "It took a long time, but at last it was done.")
    w.say("\"Will you come with me to the party?\" asked {F}.", "\"Thank you,\" said {F}. \"That was kind of you.\"")
    w.say("\"From now on I only play tricks that make everyone laugh,\" said {H}.", "{H_} learned that a joke is only good when both can laugh.")
    w.say("And that is what {he} did.", "{F_} laughed. \"I know a good one,\" {fhe} said.", "At the party {H} told funny stories, and everybody laughed.")


def letter(w):
    w.say("{time}, {H} found a letter with no name on it.", "{time}, the wind brought a letter to {H}." if not w.wet else "{time}, a letter in a bottle came to {H}.")
    w.say("In it was only one line: \"I would like to have a friend.\"", "It said: \"Is there anybody out there who likes stories?\"", "Somebody had written: \"I feel alone. Please write back.\"")
    w.say("\"Who wrote this?\" wondered {H}.", "{H_} read it three times.", "{H_} could not stop thinking about it.")
    w.part_ways()
    w.say("{He_} wrote an answer and left it at {spot}.", "So {he} wrote back and put the letter at {spot}.")
    w.say("The next day there was a new letter.", "And really, the next morning there was an answer.")
    w.say("For weeks they wrote to each other about {food}, about the stars and about their dreams.", "Letter after letter went back and forth, and each was longer than the last.")
    w.say("\"I know everything about you, but not your name,\" wrote {H}.", "One day {H} wrote, \"Shall we meet?\"")
    w.say("The answer came quickly: \"Meet me at {spot2} tomorrow.\"", "\"Come to {spot2} when the sun goes down,\" said the next letter.")
    w.part_ways()
    w.say("{H_} was nervous and came much too early.", "With a beating heart {H} {walk} to {spot2}.")
    w.say("There stood {meet}, with the last letter.", "And who was waiting there? It was {meet}.")
    w.say("\"It is you!\" they both said at once.", "\"I thought that you would not like me,\" said {F}.", "\"I have passed you so many times,\" said {H}, \"and I never knew.\"")
    w.say("They talked until it was late.", "That day they had no need for paper.")
    w.say("And on every birthday they still write each other a letter.", "Since then, they see each other every day, but they still love letters.")


def feast(w):
    w.choose("dish", ["the biggest pie in the world", "a soup for everyone", "a cake with five layers", "a hundred pancakes", "a giant salad"] if not w.wet else ["a salad for everyone", "the biggest feast in the sea"])
    w.facts["dish"] = w["dish"]
    w.say("{H_} loved to cook.", "{H_} was the best cook around.", "{time}, {H} wanted to do something nice for all the neighbors.")
    w.say("{He_} decided to make {dish}.", "\"I will make {dish},\" {he} said, \"and everyone may come.\"")
    w.say("But there was not enough {food}.", "But something was missing: {food}.", "But when {he} began, {he} saw that there was no {food} left.")
    w.part_ways()
    w.say("{H_} {walk} to {spot}, but there was none.", "First {he} asked at {spot}. \"No,\" they said, \"we have none.\"")
    w.say("On the way back {he} met {meet}.", "Then {meet} came along.")
    w.say("\"I have a little {food},\" said {F}, \"but it is not much.\"", "\"I can give you some {food},\" said {F}. \"May I cook with you?\"")
    w.say("Then another neighbor brought a little, and another, and another.", "\"Let us ask everyone for a little bit,\" said {F}. And so they did.")
    w.say("Soon there was more than enough.", "In the end they had a mountain of {food}.")
    w.part_ways()
    w.say("They cooked together all afternoon.", "{H_} mixed and {F} tasted.", "{F_} told jokes, and {H} laughed so much that {he} almost dropped everything.")
    w.say("When {dish} was ready, everyone came.", "In the evening the whole neighborhood sat together.")
    w.say("\"This is the best that I ever ate,\" said {F}.", "\"It tastes so good because there is a bit of everyone in it,\" said {H}.")
    w.say("From then on, they had a feast every year.", "And {H} and {F} have cooked together ever since.", "That night nobody went to bed hungry.")


EVERYONE = [lost_thing, new_friend, fear, rescue, race, learning, storm, planting, sharing, treasure, honesty, gift, night, building, lost_way, noise,
            small_helps, wish, trick, letter, feast]
# A seed in the sea or a birthday lamp would be wrong there.
WET = [lost_thing, new_friend, rescue, race, learning, storm, sharing, treasure, gift, night, building, lost_way, noise, wish, trick, letter, feast]

# What a story can be asked to be about: "a fox who {who}", "a story about {theme}".
WHO = {
    "lost_thing": ["who loses something", "who lost a treasure", "looking for a lost thing"], "new_friend": ["who finds a friend", "who makes a new friend", "who is lonely"],
    "fear": ["who is afraid", "who learns to be brave", "who is afraid of something"], "rescue": ["who helps someone", "who saves somebody", "who rescues a friend"],
    "race": ["who runs a race", "in a race", "who wants to win"], "learning": ["who learns something new", "who practices a lot", "who has a dream"],
    "storm": ["in a storm", "and a big storm", "who has a visitor in a storm"], "planting": ["who plants a seed", "and a tiny seed", "who learns to wait"],
    "sharing": ["who learns to share", "who does not want to share"], "treasure": ["who finds a treasure", "who finds a map", "and a treasure map"],
    "honesty": ["who tells the truth", "who breaks something"], "gift": ["who makes a present", "and a birthday party", "looking for a present"],
    "night": ["who can not sleep", "at night", "who looks at the stars"], "building": ["who builds something", "who wants to build a house"],
    "lost_way": ["who gets lost", "who can not find the way home"], "noise": ["who hears a strange noise", "and a strange noise"],
    "small_helps": ["who is very small", "who is too small"], "wish": ["who has a wish", "and a magic stone"], "trick": ["who plays tricks", "who likes jokes"],
    "letter": ["who gets a letter", "who writes letters"], "feast": ["who loves to cook", "who makes a feast"],
}
THEMES = {
    "new_friend": ["friendship", "making friends", "loneliness"], "fear": ["courage", "being brave", "fear"], "rescue": ["kindness", "helping others"], "race": ["a race", "winning"],
    "learning": ["practice", "never giving up"], "storm": ["a storm", "bad weather"], "planting": ["patience", "growing things"], "sharing": ["sharing"], "treasure": ["a treasure", "an adventure"],
    "honesty": ["honesty", "telling the truth"], "gift": ["a birthday", "a present"], "night": ["the night", "the stars", "sleep"], "building": ["hard work", "building something"],
    "lost_way": ["getting lost"], "small_helps": ["being small"], "wish": ["a wish", "magic"], "trick": ["a trick"], "letter": ["a letter", "letters"], "feast": ["a feast", "cooking"],
}
