//! Closed lists of Chinese words, simplified.

/// Nouns too general to be an entity, alone or at the end of a run.
const EMPTY_NOUNS: &[&str] = &[
    "时候",
    "时间",
    "方面",
    "情况",
    "问题",
    "东西",
    "部分",
    "方式",
    "方法",
    "地方",
    "事情",
    "原因",
    "结果",
    "内容",
    "样子",
    "情形",
    "例子",
    "意思",
    "过程",
    "时期",
    "目前",
    "其中",
    "其他",
    "全部",
    "所有",
    "大多数",
    "大部分",
    "绝大多数",
    "绝大部分",
    "一般",
    "基础上",
    "前提",
    "同时",
    "上面",
    "下面",
    "以上",
    "以下",
    "之间",
    "人们",
    "大家",
    "自己",
    "名字",
    "名称",
    "数量",
    "种类",
    "类型",
    "形式",
    "状态",
    "目的",
    "作用",
    "特点",
    "优点",
    "缺点",
    "机会",
    "能力",
    "条件",
    "程度",
    "范围",
    "关系",
    "步骤",
    "办法",
    "章节",
    "一章",
    "小节",
    "页面",
];

/// Words that may not begin a run: they only point.
const EMPTY_STARTS: &[&str] = &[
    "其他", "其它", "所有", "全部", "各种", "相关", "有关", "主要", "一般", "不同", "相同", "具体",
    "部分", "大量", "整个", "上述", "以下", "人们",
];

/// Endings of the names of organisations.
const ORGANIZATION_TAILS: &[&str] = &[
    "有限公司",
    "公司",
    "集团",
    "基金会",
    "研究所",
    "研究院",
    "科学院",
    "大学",
    "学院",
    "委员会",
    "协会",
    "学会",
    "实验室",
    "出版社",
    "银行",
    "医院",
    "联盟",
    "工作组",
    "事务所",
    "博物馆",
    "图书馆",
    "管理局",
    "理事会",
];

/// Verbs that relate nothing to nothing.
const LIGHT_VERBS: &[&str] = &[
    "是", "有", "在", "会", "能", "能够", "可以", "可能", "可", "要", "需要", "需", "应该", "应",
    "必须", "想", "让", "使", "使得", "叫", "称为", "成为", "作为", "具有", "没有", "无", "为",
    "到", "来", "去", "说", "看", "看到", "进行", "做", "得", "给", "如", "包括", "请", "开始",
    "继续",
];

pub(super) fn is_empty_noun(word: &str) -> bool {
    EMPTY_NOUNS.contains(&word)
}

pub(super) fn is_empty_start(word: &str) -> bool {
    EMPTY_STARTS.contains(&word)
}

pub(super) fn is_light_verb(word: &str) -> bool {
    LIGHT_VERBS.contains(&word)
}

/// True when the name ends like an organisation and has at least two characters before that.
pub(super) fn is_organization(name: &str) -> bool {
    ORGANIZATION_TAILS.iter().any(|tail| {
        name.strip_suffix(tail)
            .is_some_and(|head| head.chars().nth(1).is_some())
    })
}
