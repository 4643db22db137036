"""The axes of the joint space: which tags they join, and in which words people name them.

musicnn has 100 tags, 50 of the Million Song Dataset (MSD) and 50 of MagnaTagATune (MTT). Several
say the same thing ("female vocalists", "female vocalist", "female", "woman", …); joined into one
axis they count once. A wording is how a query may call an axis; the first one is its name.
"""

from __future__ import annotations

from dataclasses import dataclass


def _names(listed: str) -> tuple[str, ...]:
    return tuple(listed.split(",")) if listed else ()


# In output order.
MSD_TAGS = _names(
    "rock,pop,alternative,indie,electronic,female vocalists,dance,00s,alternative rock,jazz,"
    "beautiful,metal,chillout,male vocalists,classic rock,soul,indie rock,Mellow,electronica,80s,"
    "folk,90s,chill,instrumental,punk,oldies,blues,hard rock,ambient,acoustic,experimental,"
    "female vocalist,guitar,Hip-Hop,70s,party,country,easy listening,sexy,catchy,funk,electro,"
    "heavy metal,Progressive rock,60s,rnb,indie pop,sad,House,happy"
)
MTT_TAGS = _names(
    "guitar,classical,slow,techno,strings,drums,electronic,rock,fast,piano,ambient,beat,violin,"
    "vocal,synth,female,indian,opera,male,singing,vocals,no vocals,harpsichord,loud,quiet,flute,"
    "woman,male vocal,no vocal,pop,soft,sitar,solo,man,classic,choir,voice,new age,dance,"
    "male voice,female vocal,beats,harp,cello,no voice,weird,country,metal,female voice,"
    "choral"
)


@dataclass(frozen=True, slots=True)
class Axis:
    """msd, mtt : the tags it joins. wordings : the words that mean it, its name first."""

    wordings: tuple[str, ...]
    msd: tuple[str, ...] = ()
    mtt: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.wordings[0]


def _axis(wordings: str, msd: str = "", mtt: str = "") -> Axis:
    return Axis(_names(wordings), _names(msd), _names(mtt))


AXES = (
    _axis("rock,rock band", "rock", "rock"),
    _axis("classic rock", "classic rock"),
    _axis("hard rock", "hard rock"),
    _axis("alternative rock,alternative,grunge", "alternative,alternative rock"),
    _axis("indie,indie rock,indie pop", "indie,indie rock,indie pop"),
    _axis("progressive rock,prog rock", "Progressive rock"),
    _axis("punk,punk rock", "punk"),
    _axis("metal,heavy metal", "metal,heavy metal", "metal"),
    _axis("pop", "pop", "pop"),
    _axis("electronic,electronica,electro", "electronic,electronica,electro", "electronic"),
    _axis("synth,synthesizer,synthesiser", "", "synth"),
    _axis("techno", "", "techno"),
    _axis("house,house music", "House"),
    _axis("dance,dancing,club music,disco,EDM", "dance", "dance"),
    _axis("party", "party"),
    _axis("ambient,atmospheric,dreamy", "ambient", "ambient"),
    _axis("new age,meditation", "", "new age"),
    _axis(
        "chill,chillout,mellow,easy listening,relaxing,relaxed,calm,peaceful,sleep,studying",
        "chillout,chill,Mellow,easy listening",
    ),
    _axis("jazz,swing,big band", "jazz"),
    _axis("blues", "blues"),
    _axis("soul", "soul"),
    _axis("funk,funky,groovy", "funk"),
    _axis("rnb,r&b,rhythm and blues", "rnb"),
    _axis("hip-hop,rap,rapper,rapping", "Hip-Hop"),
    _axis("folk", "folk"),
    _axis("country", "country", "country"),
    _axis("classical,orchestra,orchestral,symphony,baroque,chamber music", "", "classical,classic"),
    _axis("opera,operatic", "", "opera"),
    _axis("choir,choral,chorus,chanting", "", "choir,choral"),
    _axis("indian,raga,bollywood", "", "indian"),
    _axis("experimental,weird,strange,avant-garde", "experimental", "weird"),
    _axis("oldies", "oldies"),
    _axis("60s,1960s,sixties", "60s"),
    _axis("70s,1970s,seventies", "70s"),
    _axis("80s,1980s,eighties", "80s"),
    _axis("90s,1990s,nineties", "90s"),
    _axis("00s,2000s", "00s"),
    _axis("beautiful,romantic,love song", "beautiful"),
    _axis("sexy,sensual", "sexy"),
    _axis("catchy", "catchy"),
    _axis("sad,sadness,melancholic,melancholy", "sad"),
    _axis("happy,cheerful,joyful,upbeat", "happy"),
    _axis(
        "female vocalist,female vocals,female voice,female singer,female,woman,women,"
        "woman singing,woman's voice",
        "female vocalists,female vocalist",
        "female,woman,female vocal,female voice",
    ),
    _axis(
        "male vocalist,male vocals,male voice,male singer,male,man,men,man singing,man's voice",
        "male vocalists",
        "male,man,male vocal,male voice",
    ),
    _axis("vocals,vocal,singing,voice,singer,a cappella", "", "vocal,vocals,singing,voice"),
    _axis("instrumental", "instrumental", "no vocals,no vocal,no voice"),
    _axis("guitar", "guitar", "guitar"),
    _axis("acoustic", "acoustic"),
    _axis("piano,pianist", "", "piano"),
    _axis("strings,string orchestra,string quartet", "", "strings"),
    _axis("violin,violinist,fiddle", "", "violin"),
    _axis("cello", "", "cello"),
    _axis("flute", "", "flute"),
    _axis("harp", "", "harp"),
    _axis("harpsichord", "", "harpsichord"),
    _axis("sitar", "", "sitar"),
    _axis("drums,drum,drum kit,drummer,percussion", "", "drums"),
    _axis("beat,groove,rhythm", "", "beat,beats"),
    _axis("solo", "", "solo"),
    _axis("slow,ballad", "", "slow"),
    _axis("fast,energetic,lively,up-tempo", "", "fast"),
    _axis("loud,aggressive,angry,noisy", "", "loud"),
    _axis("quiet", "", "quiet"),
    _axis("soft,gentle,tender,lullaby", "", "soft"),
)

# What people name and no tag covers. A query that names one of these, or is nearer to one of them
# than to any wording above, is outside the vocabulary.
OUTSIDE = _names(
    "trumpet,saxophone,sax,trombone,tuba,horn,brass,brass band,clarinet,oboe,bassoon,recorder,"
    "whistle,whistling,accordion,harmonica,bagpipes,organ,church organ,celesta,xylophone,marimba,"
    "vibraphone,glockenspiel,bells,banjo,mandolin,ukulele,lute,steel drums,gong,turntable,"
    "didgeridoo,theremin,kazoo,"
    "reggae,ska,gospel,latin,salsa,samba,bossa nova,tango,flamenco,klezmer,mariachi,polka,waltz,"
    "dubstep,trance,film music,soundtrack,video game music,christmas carol,national anthem,"
    "african,arabic,chinese,japanese,korean,"
    "dark,scary,mysterious,epic,"
    "speech,spoken word,reading aloud,audiobook,talking,conversation,podcast,lecture,whispering,"
    "laughter,crying,shouting,screaming,applause,beatboxing,yodeling,"
    "whale,birdsong,barking dog,cat meowing,insects,animal sounds,rain,thunder,wind blowing,"
    "ocean waves,engine,car,airplane,siren,footsteps,telephone,alarm clock,machine,explosion,"
    "gunshot,silence,food,money,science,sports,city"
)
