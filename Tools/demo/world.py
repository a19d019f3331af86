"""The small world that the demo model knows: a few hundred facts, each in English and Chinese.

A fact is one question (in several phrasings), its answer (in several phrasings), a detail that a helpful answer may add,
a noun phrase that names the topic, and the word by which a correct answer is recognised. Facts that give each other away
(both languages, both directions of a pair of opposites, 3 + 4 and 4 + 3) carry the same `group`; a group is either in the
preference training data or held out, never both.
"""

from dataclasses import dataclass

EN, ZH = "en", "zh"


@dataclass(frozen=True)
class Fact:
    category: str
    group: str
    language: str
    questions: tuple[str, ...]
    topic: str
    answers: tuple[str, ...]
    detail: str
    needle: str  # a correct answer contains it


CAPITALS = [  # country, capital, continent: English, then Chinese
    ("France", "Paris", "Europe", "法国", "巴黎", "欧洲"),
    ("Germany", "Berlin", "Europe", "德国", "柏林", "欧洲"),
    ("Italy", "Rome", "Europe", "意大利", "罗马", "欧洲"),
    ("Spain", "Madrid", "Europe", "西班牙", "马德里", "欧洲"),
    ("Portugal", "Lisbon", "Europe", "葡萄牙", "里斯本", "欧洲"),
    ("Greece", "Athens", "Europe", "希腊", "雅典", "欧洲"),
    ("Norway", "Oslo", "Europe", "挪威", "奥斯陆", "欧洲"),
    ("Sweden", "Stockholm", "Europe", "瑞典", "斯德哥尔摩", "欧洲"),
    ("Poland", "Warsaw", "Europe", "波兰", "华沙", "欧洲"),
    ("Austria", "Vienna", "Europe", "奥地利", "维也纳", "欧洲"),
    ("Hungary", "Budapest", "Europe", "匈牙利", "布达佩斯", "欧洲"),
    ("Finland", "Helsinki", "Europe", "芬兰", "赫尔辛基", "欧洲"),
    ("Ireland", "Dublin", "Europe", "爱尔兰", "都柏林", "欧洲"),
    ("China", "Beijing", "Asia", "中国", "北京", "亚洲"),
    ("Japan", "Tokyo", "Asia", "日本", "东京", "亚洲"),
    ("South Korea", "Seoul", "Asia", "韩国", "首尔", "亚洲"),
    ("Thailand", "Bangkok", "Asia", "泰国", "曼谷", "亚洲"),
    ("Vietnam", "Hanoi", "Asia", "越南", "河内", "亚洲"),
    ("Mongolia", "Ulaanbaatar", "Asia", "蒙古", "乌兰巴托", "亚洲"),
    ("Nepal", "Kathmandu", "Asia", "尼泊尔", "加德满都", "亚洲"),
    ("Egypt", "Cairo", "Africa", "埃及", "开罗", "非洲"),
    ("Kenya", "Nairobi", "Africa", "肯尼亚", "内罗毕", "非洲"),
    ("Morocco", "Rabat", "Africa", "摩洛哥", "拉巴特", "非洲"),
    ("Ghana", "Accra", "Africa", "加纳", "阿克拉", "非洲"),
    ("Canada", "Ottawa", "North America", "加拿大", "渥太华", "北美洲"),
    ("Mexico", "Mexico City", "North America", "墨西哥", "墨西哥城", "北美洲"),
    ("Cuba", "Havana", "North America", "古巴", "哈瓦那", "北美洲"),
    ("Peru", "Lima", "South America", "秘鲁", "利马", "南美洲"),
    ("Chile", "Santiago", "South America", "智利", "圣地亚哥", "南美洲"),
    ("Australia", "Canberra", "Oceania", "澳大利亚", "堪培拉", "大洋洲"),
]

COLOURS = [  # thing, colour, where it is seen: English, then Chinese
    ("a banana", "yellow", "on the fruit stand", "香蕉", "黄色", "水果摊上"),
    ("a lemon", "yellow", "in the kitchen", "柠檬", "黄色", "厨房里"),
    ("a sunflower", "yellow", "in the fields", "向日葵", "黄色", "田野里"),
    ("a tomato", "red", "in the kitchen", "番茄", "红色", "厨房里"),
    ("a strawberry", "red", "on the fruit stand", "草莓", "红色", "水果摊上"),
    ("a fire engine", "red", "on the road", "消防车", "红色", "马路上"),
    ("a carrot", "orange", "in the kitchen", "胡萝卜", "橙色", "厨房里"),
    ("a pumpkin", "orange", "in the fields", "南瓜", "橙色", "田野里"),
    ("grass", "green", "in the fields", "草", "绿色", "田野里"),
    ("a cucumber", "green", "in the kitchen", "黄瓜", "绿色", "厨房里"),
    ("a frog", "green", "by the pond", "青蛙", "绿色", "池塘边"),
    ("the clear sky", "blue", "above the sea", "晴朗的天空", "蓝色", "大海上空"),
    ("an eggplant", "purple", "in the kitchen", "茄子", "紫色", "厨房里"),
    ("a grape", "purple", "on the fruit stand", "葡萄", "紫色", "水果摊上"),
    ("snow", "white", "in the mountains", "雪", "白色", "山里"),
    ("milk", "white", "in the kitchen", "牛奶", "白色", "厨房里"),
    ("a swan", "white", "by the pond", "天鹅", "白色", "池塘边"),
    ("coal", "black", "in the mountains", "煤", "黑色", "山里"),
    ("a crow", "black", "in the fields", "乌鸦", "黑色", "田野里"),
    ("an elephant", "grey", "in the zoo", "大象", "灰色", "动物园里"),
]

OPPOSITES = [
    ("hot", "cold", "热", "冷"), ("big", "small", "大", "小"), ("tall", "short", "高", "矮"), ("fast", "slow", "快", "慢"),
    ("open", "closed", "开", "关"), ("new", "old", "新", "旧"), ("heavy", "light", "重", "轻"), ("wet", "dry", "湿", "干"),
    ("early", "late", "早", "晚"), ("near", "far", "近", "远"), ("strong", "weak", "强", "弱"), ("rich", "poor", "富", "穷"),
    ("hard", "soft", "硬", "软"), ("full", "empty", "满", "空"), ("happy", "sad", "开心", "难过"), ("true", "false", "真", "假"),
    ("deep", "shallow", "深", "浅"), ("wide", "narrow", "宽", "窄"), ("thick", "thin", "厚", "薄"), ("loud", "quiet", "吵闹", "安静"),
]  # fmt: skip

ANIMALS = [  # animal, food, home: English, then Chinese
    ("panda", "bamboo", "in the bamboo forest", "熊猫", "竹子", "竹林里"),
    ("rabbit", "carrots and grass", "in a burrow", "兔子", "胡萝卜和草", "地洞里"),
    ("penguin", "fish", "on the cold southern coast", "企鹅", "鱼", "寒冷的南方海岸"),
    ("camel", "dry plants", "in the desert", "骆驼", "干草", "沙漠里"),
    ("koala", "eucalyptus leaves", "in the trees", "考拉", "桉树叶", "树上"),
    ("lion", "meat", "on the open plain", "狮子", "肉", "草原上"),
    ("monkey", "fruit", "in the trees", "猴子", "水果", "树上"),
    ("squirrel", "nuts", "in the trees", "松鼠", "坚果", "树上"),
    ("whale", "krill", "in the sea", "鲸鱼", "磷虾", "大海里"),
    ("bee", "nectar", "in a hive", "蜜蜂", "花蜜", "蜂巢里"),
    ("polar bear", "seals", "on the Arctic ice", "北极熊", "海豹", "北极的冰上"),
    ("horse", "hay", "in a stable", "马", "干草", "马厩里"),
    ("duck", "water plants", "by the pond", "鸭子", "水草", "池塘边"),
    ("owl", "mice", "in the forest", "猫头鹰", "老鼠", "森林里"),
    ("silkworm", "mulberry leaves", "in a warm room", "蚕", "桑叶", "温暖的屋子里"),
]

WORDS = [
    ("cat", "猫"), ("dog", "狗"), ("bird", "鸟"), ("fish", "鱼"), ("sheep", "羊"), ("water", "水"), ("fire", "火"), ("tree", "树"),
    ("mountain", "山"), ("river", "河"), ("sun", "太阳"), ("moon", "月亮"), ("star", "星星"), ("rain", "雨"), ("wind", "风"),
    ("book", "书"), ("door", "门"), ("window", "窗户"), ("table", "桌子"), ("chair", "椅子"), ("house", "房子"), ("school", "学校"),
    ("teacher", "老师"), ("friend", "朋友"), ("apple", "苹果"), ("rice", "米饭"), ("tea", "茶"), ("bread", "面包"),
    ("bicycle", "自行车"), ("train", "火车"), ("airplane", "飞机"), ("music", "音乐"),
]  # fmt: skip

TOOLS = [  # tool, use, who uses it: English, then Chinese
    ("a hammer", "drive nails", "Carpenters", "锤子", "钉钉子", "木匠"),
    ("a saw", "cut wood", "Carpenters", "锯子", "锯木头", "木匠"),
    ("a spoon", "eat soup", "Children", "勺子", "喝汤", "孩子们"),
    ("a broom", "sweep the floor", "Cleaners", "扫帚", "扫地", "清洁工"),
    ("a key", "open a lock", "Travellers", "钥匙", "开锁", "旅客"),
    ("an umbrella", "stay dry in the rain", "Travellers", "雨伞", "挡雨", "旅客"),
    ("a compass", "find the north", "Sailors", "指南针", "找北方", "水手"),
    ("a ruler", "measure length", "Pupils", "尺子", "量长度", "学生"),
    ("a thermometer", "measure temperature", "Doctors", "温度计", "量温度", "医生"),
    ("a telescope", "look at the stars", "Astronomers", "望远镜", "看星星", "天文学家"),
    ("a needle", "sew clothes", "Tailors", "针", "缝衣服", "裁缝"),
    ("a brush", "paint pictures", "Painters", "画笔", "画画", "画家"),
    ("a pen", "write letters", "Pupils", "钢笔", "写信", "学生"),
    ("a pot", "cook soup", "Cooks", "锅", "煮汤", "厨师"),
    ("a net", "catch fish", "Sailors", "渔网", "捕鱼", "水手"),
    ("a spade", "dig holes", "Gardeners", "铁锹", "挖坑", "园丁"),
]

DAYS = [
    ("Monday", "星期一"), ("Tuesday", "星期二"), ("Wednesday", "星期三"), ("Thursday", "星期四"), ("Friday", "星期五"),
    ("Saturday", "星期六"), ("Sunday", "星期日"),
]  # fmt: skip

MONTHS = [
    ("January", "一月"), ("February", "二月"), ("March", "三月"), ("April", "四月"), ("May", "五月"), ("June", "六月"),
    ("July", "七月"), ("August", "八月"), ("September", "九月"), ("October", "十月"), ("November", "十一月"), ("December", "十二月"),
]  # fmt: skip


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _article(noun: str) -> str:
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def capitals():
    for country, city, continent, guo, shi, zhou in CAPITALS:
        yield Fact(
            "capital", country, EN,
            (f"What is the capital of {country}?", f"Which city is the capital of {country}?", f"Tell me the capital of {country}."),
            f"the capital of {country}",
            (f"The capital of {country} is {city}.", f"{city} is the capital of {country}."),
            f"{country} is a country in {continent}.", city,
        )  # fmt: skip
        yield Fact(
            "capital", country, ZH,
            (f"{guo}的首都是哪里？", f"请问{guo}的首都是哪座城市？", f"告诉我{guo}的首都。"),
            f"{guo}的首都",
            (f"{guo}的首都是{shi}。", f"{shi}是{guo}的首都。"),
            f"{guo}是{zhou}的一个国家。", shi,
        )  # fmt: skip


def colours():
    for thing, colour, place, wu, se, difang in COLOURS:
        yield Fact(
            "colour", thing, EN,
            (f"What colour is {thing}?", f"Which colour does {thing} have?", f"Tell me the colour of {thing}."),
            f"the colour of {thing}",
            (f"{_capital(thing)} is usually {colour}.", f"The colour of {thing} is {colour}."),
            f"You can often see it {place}.", colour,
        )  # fmt: skip
        yield Fact(
            "colour", thing, ZH,
            (f"{wu}是什么颜色的？", f"请问{wu}是什么颜色？", f"告诉我{wu}的颜色。"),
            f"{wu}的颜色",
            (f"{wu}通常是{se}的。", f"{wu}的颜色是{se}。"),
            f"在{difang}常常能看到它。", se,
        )  # fmt: skip


def opposites():
    for one, two, yi, er in OPPOSITES:
        for a, b, jia, fan in ((one, two, yi, er), (two, one, er, yi)):
            yield Fact(
                "opposite", one, EN,
                (f"What is the opposite of {a}?", f"Which word means the opposite of {a}?", f"Tell me the opposite of {a}."),
                f"the opposite of {a}",
                (f"The opposite of {a} is {b}.", f"The word you are looking for is {b}."),
                f"If something is not {a}, you may call it {b}.", b,
            )  # fmt: skip
            yield Fact(
                "opposite", one, ZH,
                (f"“{jia}”的反义词是什么？", f"请问“{jia}”的反义词是哪个词？", f"告诉我“{jia}”的反义词。"),
                f"“{jia}”的反义词",
                (f"“{jia}”的反义词是“{fan}”。", f"您要找的词是“{fan}”。"),
                f"不“{jia}”的时候，就可以说“{fan}”。", f"“{fan}”",
            )  # fmt: skip


def animals():
    for animal, food, home, dongwu, shiwu, jia in ANIMALS:
        name = _article(animal)
        yield Fact(
            "food", animal, EN,
            (f"What does {name} eat?", f"Which food does {name} like best?", f"Tell me what {name} eats."),
            f"the food of {name}",
            (f"{_capital(name)} eats {food}.", f"The favourite food of {name} is {food}."),
            f"It lives {home}.", food,
        )  # fmt: skip
        yield Fact(
            "food", animal, ZH,
            (f"{dongwu}吃什么？", f"请问{dongwu}最爱吃什么？", f"告诉我{dongwu}的食物。"),
            f"{dongwu}的食物",
            (f"{dongwu}吃{shiwu}。", f"{dongwu}最爱吃的是{shiwu}。"),
            f"它住在{jia}。", shiwu,
        )  # fmt: skip
        yield Fact(
            "home", animal, EN,
            (f"Where does {name} live?", f"In which place does {name} live?", f"Tell me where {name} lives."),
            f"the home of {name}",
            (f"{_capital(name)} lives {home}.", f"You will find {name} {home}."),
            f"It eats {food}.", home,
        )  # fmt: skip
        yield Fact(
            "home", animal, ZH,
            (f"{dongwu}住在哪里？", f"请问{dongwu}住在什么地方？", f"告诉我{dongwu}的家在哪里。"),
            f"{dongwu}的家",
            (f"{dongwu}住在{jia}。", f"{dongwu}的家在{jia}。"),
            f"它吃{shiwu}。", jia,
        )  # fmt: skip


def translations():
    for word, ci in WORDS:
        yield Fact(
            "translation", word, EN,
            (f"How do you say '{word}' in Chinese?", f"What is the Chinese word for '{word}'?", f"Translate '{word}' into Chinese."),
            f"the Chinese word for '{word}'",
            (f"The Chinese word for '{word}' is {ci}.", f"In Chinese you say {ci}."),
            f"If you see {ci} on a sign, you know that it means '{word}'.", ci,
        )  # fmt: skip
        yield Fact(
            "translation", word, ZH,
            (f"“{ci}”用英语怎么说？", f"请问“{ci}”的英语是什么？", f"把“{ci}”翻译成英语。"),
            f"“{ci}”的英语",
            (f"“{ci}”的英语是 {word}。", f"用英语说就是 {word}。"),
            f"以后看到 {word}，就知道是“{ci}”。", word,
        )  # fmt: skip


def sums():
    for a in range(1, 10):
        for b in range(1, 10):
            total = a + b
            group = f"{min(a, b)}+{max(a, b)}"
            even = total % 2 == 0
            yield Fact(
                "sum", group, EN,
                (f"What is {a} plus {b}?", f"How much is {a} plus {b}?", f"Tell me the sum of {a} and {b}."),
                f"the sum of {a} and {b}",
                (f"{a} plus {b} is {total}.", f"The sum of {a} and {b} is {total}."),
                f"That is an {'even' if even else 'odd'} number.", f"is {total}.",
            )  # fmt: skip
            yield Fact(
                "sum", group, ZH,
                (f"{a}加{b}等于多少？", f"请问{a}加{b}是几？", f"告诉我{a}与{b}的和。"),
                f"{a}与{b}的和",
                (f"{a}加{b}等于{total}。", f"{a}与{b}的和是{total}。"),
                f"这是一个{'偶数' if even else '奇数'}。", f"{total}。",
            )  # fmt: skip


def calendar():
    for names, noun, ming, shared in ((DAYS, "day", "哪一天", "days of the week"), (MONTHS, "month", "哪个月", "months of the year")):
        tian = "一个星期有七天。" if noun == "day" else "一年有十二个月。"
        for index, (name, mingzi) in enumerate(names):
            next_name, xia = names[(index + 1) % len(names)]
            yield Fact(
                "calendar", name, EN,
                (f"Which {noun} comes after {name}?", f"What {noun} follows {name}?", f"Tell me the {noun} after {name}."),
                f"the {noun} after {name}",
                (f"The {noun} after {name} is {next_name}.", f"{name} is followed by {next_name}."),
                f"There are {len(names)} {shared}.", next_name,
            )  # fmt: skip
            yield Fact(
                "calendar", name, ZH,
                (f"{mingzi}之后是{ming}？", f"请问{mingzi}的后面是{ming}？", f"告诉我{mingzi}之后是{ming}。"),
                f"{mingzi}的后面",
                (f"{mingzi}之后是{xia}。", f"{mingzi}的后面是{xia}。"),
                tian, f"是{xia}",
            )  # fmt: skip


def tools():
    for tool, use, people, gongju, yongtu, ren in TOOLS:
        yield Fact(
            "tool", tool, EN,
            (f"What is {tool} used for?", f"What can I do with {tool}?", f"Tell me the use of {tool}."),
            f"the use of {tool}",
            (f"{_capital(tool)} is used to {use}.", f"With {tool} you can {use}."),
            f"{people} need it every day.", use,
        )  # fmt: skip
        yield Fact(
            "tool", tool, ZH,
            (f"{gongju}是用来做什么的？", f"请问{gongju}可以做什么？", f"告诉我{gongju}的用处。"),
            f"{gongju}的用处",
            (f"{gongju}是用来{yongtu}的。", f"用{gongju}可以{yongtu}。"),
            f"{ren}每天都要用它。", yongtu,
        )  # fmt: skip


def all_facts() -> list[Fact]:
    parts = (capitals, colours, opposites, animals, translations, sums, calendar, tools)
    return [fact for part in parts for fact in part()]
