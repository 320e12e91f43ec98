//! TPC-H (specification 3.0.1), dealt to three owners, or each table to one of its own, and those of its queries that can
//! be asked. What is asked is what the specification asks, with its validation parameters; where the text differs, a
//! comment says how.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Date32Array, Decimal128Array, Int64Array, StringArray},
    datatypes::Field,
    error::ArrowError,
    record_batch::RecordBatch,
};
use contract::{Column, ColumnType, Range, Schema};
use tpchgen::{
    dates::TPCHDate,
    generators::{
        CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
        PartSuppGenerator, RegionGenerator, SupplierGenerator,
    },
};

/// A table, which one owner has.
pub(crate) struct Dealt {
    pub(crate) name: &'static str,
    pub(crate) schema: Schema,
    pub(crate) rows: RecordBatch,
}

fn up_to(max: &str, column: Column) -> Column {
    Column { range: Some(Range { min: "0".to_owned(), max: max.to_owned() }), ..column }
}

fn listed(values: &[&str], column: Column) -> Column {
    Column { values: Some(values.iter().map(|value| (*value).to_owned()).collect()), ..column }
}

pub(crate) fn number(name: &str, max: &str) -> Column {
    up_to(max, Column::new(name, ColumnType::Integer))
}

fn money(name: &str, max: &str) -> Column {
    up_to(max, Column::new(name, ColumnType::Decimal { scale: 2 }))
}

/// Money that may be owed.
fn balance(name: &str) -> Column {
    let range = Range { min: "-1000".to_owned(), max: "10000".to_owned() };
    Column { range: Some(range), ..money(name, "0") }
}

/// Nations are public.
fn nation_key(name: &str) -> Column {
    let values: Vec<String> = (0..25).map(|key| key.to_string()).collect();
    listed(&values.iter().map(String::as_str).collect::<Vec<_>>(), number(name, "24"))
}

fn text(name: &str) -> Column {
    Column::new(name, ColumnType::Text)
}

/// Text of which it is published how long it may be: what the specification says of it.
fn short(name: &str, bytes_max: u16) -> Column {
    Column { bytes_max: Some(bytes_max), ..text(name) }
}

/// A primary key.
pub(crate) fn unique(column: Column) -> Column {
    Column { unique: true, ..column }
}

/// Of the seven years that the specification has.
fn date(name: &str) -> Column {
    let range = Range { min: "1992-01-01".to_owned(), max: "1998-12-31".to_owned() };
    Column { range: Some(range), ..Column::new(name, ColumnType::Date) }
}

pub(crate) fn integers(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

/// Numbers of hundredths.
fn decimals(values: impl Iterator<Item = i64>) -> Result<ArrayRef, ArrowError> {
    let cents = Decimal128Array::from_iter_values(values.map(i128::from));
    Ok(Arc::new(cents.with_precision_and_scale(18, 2)?))
}

fn texts(values: impl Iterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn dates(values: impl Iterator<Item = TPCHDate>) -> ArrayRef {
    Arc::new(Date32Array::from_iter_values(
        values.map(|date| date.into_inner() + TPCHDate::UNIX_EPOCH_OFFSET),
    ))
}

pub(crate) fn dealt(name: &'static str, columns: Vec<(Column, ArrayRef)>) -> Result<Dealt, ArrowError> {
    let (columns, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let schema = Schema { columns };
    let field =
        |(column, array): (&Column, &ArrayRef)| Field::new(&column.name, array.data_type().clone(), false);
    let fields: Vec<Field> = schema.columns.iter().zip(&arrays).map(field).collect();
    let rows = RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), arrays)?;
    Ok(Dealt { name, schema, rows })
}

/// Who has a table, where three owners have all.
pub(crate) fn holder(table: &'static str) -> &'static str {
    match table {
        "customer" | "orders" => "sales",
        "lineitem" => "shipping",
        _ => "supply",
    }
}

/// The tables at a scale factor.
pub(crate) fn tables(scale: f64) -> Result<Vec<Dealt>, ArrowError> {
    let orders: Vec<_> = OrderGenerator::new(scale, 1, 1).iter().collect();
    let lines: Vec<_> = LineItemGenerator::new(scale, 1, 1).iter().collect();
    let customers: Vec<_> = CustomerGenerator::new(scale, 1, 1).iter().collect();
    let c = customers.iter();
    let parts: Vec<_> = PartGenerator::new(scale, 1, 1).iter().collect();
    let suppliers: Vec<_> = SupplierGenerator::new(scale, 1, 1).iter().collect();
    let supplied: Vec<_> = PartSuppGenerator::new(scale, 1, 1).iter().collect();
    let ps = supplied.iter();
    let nations: Vec<_> = NationGenerator::default().iter().collect();
    let regions: Vec<_> = RegionGenerator::default().iter().collect();
    let (s, n, r) = (suppliers.iter(), nations.iter(), regions.iter());
    let priorities = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"];
    let modes = ["AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK"];
    let (o, l, p) = (orders.iter(), lines.iter(), parts.iter());
    let segments = ["AUTOMOBILE", "BUILDING", "FURNITURE", "HOUSEHOLD", "MACHINERY"];
    Ok(vec![
        dealt(
            "customer",
            vec![
                (unique(number("c_custkey", "150000")), integers(c.clone().map(|c| c.c_custkey))),
                (short("c_name", 25), texts(c.clone().map(|c| c.c_name.to_string()))),
                (short("c_address", 40), texts(c.clone().map(|c| c.c_address.to_string()))),
                (short("c_phone", 15), texts(c.clone().map(|c| c.c_phone.to_string()))),
                (short("c_comment", 117), texts(c.clone().map(|c| c.c_comment.to_string()))),
                (balance("c_acctbal"), decimals(c.clone().map(|c| c.c_acctbal.0))?),
                (nation_key("c_nationkey"), integers(c.clone().map(|c| c.c_nationkey))),
                (listed(&segments, text("c_mktsegment")), texts(c.map(|c| c.c_mktsegment.to_string()))),
            ],
        )?,
        dealt(
            "orders",
            vec![
                (unique(number("o_orderkey", "6000000")), integers(o.clone().map(|o| o.o_orderkey))),
                (number("o_custkey", "150000"), integers(o.clone().map(|o| o.o_custkey))),
                (number("o_shippriority", "9"), integers(o.clone().map(|o| o.o_shippriority.into()))),
                (money("o_totalprice", "600000"), decimals(o.clone().map(|o| o.o_totalprice.0))?),
                (date("o_orderdate"), dates(o.clone().map(|o| o.o_orderdate))),
                (
                    listed(&priorities, text("o_orderpriority")),
                    texts(o.map(|o| o.o_orderpriority.to_string())),
                ),
            ],
        )?,
        dealt(
            "lineitem",
            vec![
                (number("l_orderkey", "6000000"), integers(l.clone().map(|l| l.l_orderkey))),
                (number("l_partkey", "200000"), integers(l.clone().map(|l| l.l_partkey))),
                (number("l_suppkey", "10000"), integers(l.clone().map(|l| l.l_suppkey))),
                (money("l_quantity", "50"), decimals(l.clone().map(|l| l.l_quantity * 100))?),
                (money("l_extendedprice", "110000"), decimals(l.clone().map(|l| l.l_extendedprice.0))?),
                (money("l_discount", "0.1"), decimals(l.clone().map(|l| l.l_discount.0))?),
                (money("l_tax", "0.08"), decimals(l.clone().map(|l| l.l_tax.0))?),
                (
                    listed(&["A", "N", "R"], text("l_returnflag")),
                    texts(l.clone().map(|l| l.l_returnflag.to_string())),
                ),
                (
                    listed(&["F", "O"], text("l_linestatus")),
                    texts(l.clone().map(|l| l.l_linestatus.to_string())),
                ),
                (date("l_shipdate"), dates(l.clone().map(|l| l.l_shipdate))),
                (date("l_commitdate"), dates(l.clone().map(|l| l.l_commitdate))),
                (date("l_receiptdate"), dates(l.clone().map(|l| l.l_receiptdate))),
                (text("l_shipinstruct"), texts(l.clone().map(|l| l.l_shipinstruct.to_string()))),
                (listed(&modes, text("l_shipmode")), texts(l.map(|l| l.l_shipmode.to_string()))),
            ],
        )?,
        dealt(
            "part",
            vec![
                (unique(number("p_partkey", "200000")), integers(p.clone().map(|p| p.p_partkey))),
                (text("p_name"), texts(p.clone().map(|p| p.p_name.to_string()))),
                (text("p_brand"), texts(p.clone().map(|p| p.p_brand.to_string()))),
                (text("p_type"), texts(p.clone().map(|p| p.p_type.to_string()))),
                (number("p_size", "50"), integers(p.clone().map(|p| p.p_size.into()))),
                (text("p_container"), texts(p.map(|p| p.p_container.to_string()))),
            ],
        )?,
        dealt(
            "supplier",
            vec![
                (unique(number("s_suppkey", "10000")), integers(s.clone().map(|s| s.s_suppkey))),
                (nation_key("s_nationkey"), integers(s.map(|s| s.s_nationkey))),
            ],
        )?,
        dealt(
            "partsupp",
            vec![
                (number("ps_partkey", "200000"), integers(ps.clone().map(|ps| ps.ps_partkey))),
                (number("ps_suppkey", "10000"), integers(ps.clone().map(|ps| ps.ps_suppkey))),
                (number("ps_availqty", "9999"), integers(ps.clone().map(|ps| ps.ps_availqty.into()))),
                (money("ps_supplycost", "1000"), decimals(ps.map(|ps| ps.ps_supplycost.0))?),
            ],
        )?,
        dealt(
            "nation",
            vec![
                (unique(nation_key("n_nationkey")), integers(n.clone().map(|n| n.n_nationkey))),
                (number("n_regionkey", "4"), integers(n.clone().map(|n| n.n_regionkey))),
                (
                    listed(&n.clone().map(|n| n.n_name).collect::<Vec<_>>(), text("n_name")),
                    texts(n.map(|n| n.n_name.to_owned())),
                ),
            ],
        )?,
        dealt(
            "region",
            vec![
                (unique(number("r_regionkey", "4")), integers(r.clone().map(|r| r.r_regionkey))),
                (text("r_name"), texts(r.map(|r| r.r_name.to_owned()))),
            ],
        )?,
    ])
}

/// Number, and text.
pub(crate) const QUERIES: &[(u8, &str)] = &[
    (
        1,
        "SELECT l_returnflag, l_linestatus, SUM(l_quantity) AS sum_qty, SUM(l_extendedprice) AS sum_base_price, \
         SUM(l_extendedprice * (1 - l_discount)) AS sum_disc_price, \
         SUM(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge, AVG(l_quantity) AS avg_qty, \
         AVG(l_extendedprice) AS avg_price, AVG(l_discount) AS avg_disc, COUNT(*) AS count_order \
         FROM lineitem WHERE l_shipdate <= DATE '1998-12-01' - INTERVAL '90' DAY \
         GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus",
    ),
    (
        3,
        "SELECT l_orderkey, SUM(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority \
         FROM customer, orders, lineitem WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey \
         AND l_orderkey = o_orderkey AND o_orderdate < DATE '1995-03-15' AND l_shipdate > DATE '1995-03-15' \
         GROUP BY l_orderkey, o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate LIMIT 10",
    ),
    (
        4,
        "SELECT o_orderpriority, COUNT(*) AS order_count FROM orders \
         WHERE o_orderdate >= DATE '1993-07-01' AND o_orderdate < DATE '1993-07-01' + INTERVAL '3' MONTH AND EXISTS \
         (SELECT * FROM lineitem WHERE l_orderkey = o_orderkey AND l_commitdate < l_receiptdate) \
         GROUP BY o_orderpriority ORDER BY o_orderpriority",
    ),
    (
        5,
        "SELECT n_name, SUM(l_extendedprice * (1 - l_discount)) AS revenue \
         FROM customer, orders, lineitem, supplier, nation, region WHERE c_custkey = o_custkey \
         AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey AND c_nationkey = s_nationkey \
         AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = 'ASIA' \
         AND o_orderdate >= DATE '1994-01-01' AND o_orderdate < DATE '1994-01-01' + INTERVAL '1' YEAR \
         GROUP BY n_name ORDER BY revenue DESC",
    ),
    // 0.06 − 0.01 and 0.06 + 0.01 are written out.
    (
        6,
        "SELECT SUM(l_extendedprice * l_discount) AS revenue FROM lineitem \
         WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1994-01-01' + INTERVAL '1' YEAR \
         AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24",
    ),
    // Joined in FROM, without a subquery there, as are 8 and 9.
    (
        7,
        "SELECT n1.n_name AS supp_nation, n2.n_name AS cust_nation, EXTRACT(YEAR FROM l_shipdate) AS l_year, \
         SUM(l_extendedprice * (1 - l_discount)) AS revenue \
         FROM supplier, lineitem, orders, customer, nation AS n1, nation AS n2 WHERE s_suppkey = l_suppkey \
         AND o_orderkey = l_orderkey AND c_custkey = o_custkey AND s_nationkey = n1.n_nationkey \
         AND c_nationkey = n2.n_nationkey AND ((n1.n_name = 'FRANCE' AND n2.n_name = 'GERMANY') \
         OR (n1.n_name = 'GERMANY' AND n2.n_name = 'FRANCE')) \
         AND l_shipdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31' \
         GROUP BY n1.n_name, n2.n_name, EXTRACT(YEAR FROM l_shipdate) ORDER BY supp_nation, cust_nation, l_year",
    ),
    (
        8,
        "SELECT EXTRACT(YEAR FROM o_orderdate) AS o_year, \
         SUM(CASE WHEN n2.n_name = 'BRAZIL' THEN l_extendedprice * (1 - l_discount) ELSE 0 END) \
         / SUM(l_extendedprice * (1 - l_discount)) AS mkt_share \
         FROM part, supplier, lineitem, orders, customer, nation AS n1, nation AS n2, region WHERE p_partkey = l_partkey \
         AND s_suppkey = l_suppkey AND l_orderkey = o_orderkey AND o_custkey = c_custkey \
         AND c_nationkey = n1.n_nationkey AND n1.n_regionkey = r_regionkey AND r_name = 'AMERICA' \
         AND s_nationkey = n2.n_nationkey AND o_orderdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31' \
         AND p_type = 'ECONOMY ANODIZED STEEL' GROUP BY EXTRACT(YEAR FROM o_orderdate) ORDER BY o_year",
    ),
    (
        9,
        "SELECT n_name AS nation, EXTRACT(YEAR FROM o_orderdate) AS o_year, \
         SUM(l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity) AS sum_profit \
         FROM part, supplier, lineitem, partsupp, orders, nation WHERE s_suppkey = l_suppkey AND ps_suppkey = l_suppkey \
         AND ps_partkey = l_partkey AND p_partkey = l_partkey AND o_orderkey = l_orderkey \
         AND s_nationkey = n_nationkey AND p_name LIKE '%green%' \
         GROUP BY n_name, EXTRACT(YEAR FROM o_orderdate) ORDER BY nation, o_year DESC",
    ),
    (
        10,
        "SELECT c_custkey, c_name, SUM(l_extendedprice * (1 - l_discount)) AS revenue, c_acctbal, n_name, c_address, \
         c_phone, c_comment FROM customer, orders, lineitem, nation WHERE c_custkey = o_custkey \
         AND l_orderkey = o_orderkey AND o_orderdate >= DATE '1993-10-01' AND o_orderdate < DATE '1993-10-01' + INTERVAL '3' MONTH \
         AND l_returnflag = 'R' AND c_nationkey = n_nationkey \
         GROUP BY c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment ORDER BY revenue DESC LIMIT 20",
    ),
    // With the fraction of scale factor 0.01, and with LIMIT, since which parts there are is not public.
    (
        11,
        "SELECT ps_partkey, SUM(ps_supplycost * ps_availqty) AS value FROM partsupp, supplier, nation \
         WHERE ps_suppkey = s_suppkey AND s_nationkey = n_nationkey AND n_name = 'GERMANY' GROUP BY ps_partkey \
         HAVING SUM(ps_supplycost * ps_availqty) > (SELECT SUM(ps_supplycost * ps_availqty) * 0.01 \
         FROM partsupp, supplier, nation WHERE ps_suppkey = s_suppkey AND s_nationkey = n_nationkey \
         AND n_name = 'GERMANY') ORDER BY value DESC LIMIT 100",
    ),
    (
        12,
        "SELECT l_shipmode, SUM(CASE WHEN o_orderpriority = '1-URGENT' OR o_orderpriority = '2-HIGH' THEN 1 ELSE 0 END) \
         AS high_line_count, SUM(CASE WHEN o_orderpriority <> '1-URGENT' AND o_orderpriority <> '2-HIGH' THEN 1 ELSE 0 \
         END) AS low_line_count FROM orders, lineitem \
         WHERE o_orderkey = l_orderkey AND l_shipmode IN ('MAIL', 'SHIP') AND l_commitdate < l_receiptdate \
         AND l_shipdate < l_commitdate AND l_receiptdate >= DATE '1994-01-01' AND l_receiptdate < DATE '1994-01-01' + INTERVAL '1' YEAR \
         GROUP BY l_shipmode ORDER BY l_shipmode",
    ),
    (
        14,
        "SELECT 100.00 * SUM(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (1 - l_discount) ELSE 0 END) \
         / SUM(l_extendedprice * (1 - l_discount)) AS promo_revenue FROM lineitem, part \
         WHERE l_partkey = p_partkey AND l_shipdate >= DATE '1995-09-01' AND l_shipdate < DATE '1995-09-01' + INTERVAL '1' MONTH",
    ),
    // Of all medium containers: at scale factor 0.01 no part in a `MED BOX` is ordered in so small a quantity.
    (
        17,
        "SELECT SUM(l_extendedprice) / 7.0 AS avg_yearly FROM lineitem, part WHERE p_partkey = l_partkey \
         AND p_brand = 'Brand#23' AND p_container LIKE 'MED %' AND l_quantity < \
         (SELECT 0.2 * AVG(l_quantity) FROM lineitem WHERE l_partkey = p_partkey)",
    ),
    (
        18,
        "SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, SUM(l_quantity) AS quantity \
         FROM customer, orders, lineitem WHERE o_orderkey IN \
         (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING SUM(l_quantity) > 300) \
         AND c_custkey = o_custkey AND o_orderkey = l_orderkey \
         GROUP BY c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice \
         ORDER BY o_totalprice DESC, o_orderdate LIMIT 100",
    ),
    // The key, which is in each branch of OR, once before them.
    (
        19,
        "SELECT SUM(l_extendedprice * (1 - l_discount)) AS revenue FROM lineitem, part WHERE p_partkey = l_partkey AND \
         ((p_brand = 'Brand#12' AND p_container IN ('SM CASE', 'SM BOX', 'SM PACK', 'SM PKG') \
         AND l_quantity >= 1 AND l_quantity <= 11 AND p_size BETWEEN 1 AND 5 \
         AND l_shipmode IN ('AIR', 'AIR REG') AND l_shipinstruct = 'DELIVER IN PERSON') \
         OR (p_brand = 'Brand#23' AND p_container IN ('MED BAG', 'MED BOX', 'MED PKG', 'MED PACK') \
         AND l_quantity >= 10 AND l_quantity <= 20 AND p_size BETWEEN 1 AND 10 \
         AND l_shipmode IN ('AIR', 'AIR REG') AND l_shipinstruct = 'DELIVER IN PERSON') \
         OR (p_brand = 'Brand#34' AND p_container IN ('LG CASE', 'LG BOX', 'LG PACK', 'LG PKG') \
         AND l_quantity >= 20 AND l_quantity <= 30 AND p_size BETWEEN 1 AND 15 \
         AND l_shipmode IN ('AIR', 'AIR REG') AND l_shipinstruct = 'DELIVER IN PERSON'))",
    ),
    (
        22,
        "SELECT cntrycode, COUNT(*) AS numcust, SUM(c_acctbal) AS totacctbal \
         FROM (SELECT SUBSTRING(c_phone FROM 1 FOR 2) AS cntrycode, c_acctbal FROM customer \
         WHERE SUBSTRING(c_phone FROM 1 FOR 2) IN ('13', '31', '23', '29', '30', '18', '17') AND c_acctbal > \
         (SELECT AVG(c_acctbal) FROM customer WHERE c_acctbal > 0.00 \
         AND SUBSTRING(c_phone FROM 1 FOR 2) IN ('13', '31', '23', '29', '30', '18', '17')) \
         AND NOT EXISTS (SELECT * FROM orders WHERE o_custkey = c_custkey)) AS custsale \
         GROUP BY cntrycode ORDER BY cntrycode",
    ),
];
