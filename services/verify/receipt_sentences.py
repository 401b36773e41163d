"""What can be said of a receipt by itself: one entry for each way a check comes out."""

from typing import Final

from services.verify.case import (
    CALENDAR,
    CERTIFICATE,
    HEAD,
    LINK,
    ROW,
    SEAL,
    TEXT,
    TOKEN,
    TRUST,
    Case,
    contradicted,
    left_open,
    missing,
    proven,
)

RECEIPT: Final[dict[str, Case]] = {
    # -- the seal ---------------------------------------------------------------------------------------------------
    "seal_intact": proven(
        "ตราประทับครอบคลุมทั้งไฟล์ และไม่มีสิ่งใดในไฟล์เปลี่ยนแปลงหลังประทับตรา",
        "The seal covers the whole file, and nothing in it was changed since.",
        SEAL,
    ),
    "seal_broken": contradicted(
        "ตราประทับไม่ตรงกับไฟล์ ไฟล์ถูกแก้ไขหลังประทับตรา",
        "The seal does not fit the file: it was changed after it was sealed.",
        SEAL,
    ),
    "seal_added": contradicted(
        "มีข้อมูลเพิ่มเข้ามาในไฟล์โดยอยู่นอกตราประทับ",
        "Something was added to the file that the seal does not cover.",
        SEAL,
    ),
    "seal_many": contradicted(
        "ไฟล์มีลายเซ็น {count} รายการ แต่ใบรับมีตราประทับเพียงหนึ่งเดียว",
        "The file carries {count} signatures; a receipt has one seal and nothing beside it.",
        SEAL,
    ),
    "seal_none": missing(
        "ไม่มีตราประทับในสิ่งที่ให้มา ใครก็เขียนขึ้นได้",
        "There is no seal on what was given: anybody could have written it.",
    ),
    "seal_provisional": missing(
        "เป็นใบรับฉบับชั่วคราว แจ้งเพียงเลขทะเบียน ไม่มีตราประทับ ใบรับฉบับสมบูรณ์จะตามมา",
        "This is a provisional receipt: it only tells the number and has no seal; the final one follows.",
    ),
    "seal_on_provisional": contradicted(
        "ใบรับบอกว่าเป็นฉบับชั่วคราวหรือไม่มีตรา แต่กลับมีตราประทับ",
        "The receipt says that it is provisional or has no seal, and yet one is on it.",
        SEAL,
    ),
    "seal_trusted": proven(
        "ใบรับรองของตราประทับออกให้ {name} และเชื่อมโยงถึงผู้ออกใบรับรองที่ท่านเชื่อถือ",
        "The seal's certificate is made out to {name} and leads to an authority you trust.",
        TRUST,
    ),
    "seal_pinned": proven(
        "ใบรับรองของตราประทับออกให้ {name} และเป็นใบรับรองที่ท่านระบุไว้เอง",
        "The seal's certificate is made out to {name} and is the very one you trust.",
        TRUST,
    ),
    "seal_no_store": missing(
        "ใบรับรองของตราประทับระบุชื่อ {name} แต่ท่านมิได้ระบุว่าเชื่อถือผู้ใด (--trust)",
        "The seal's certificate names {name}, but you have not said whom you trust (--trust).",
    ),
    "seal_stranger": missing(
        "ใบรับรองของตราประทับระบุชื่อ {name} แต่ไม่มีผู้ใดที่ท่านเชื่อถือรับรองใบรับรองนี้ ใครก็ทำขึ้นเองได้",
        "The seal's certificate names {name}, but nobody you trust vouches for it: anybody could have made it.",
    ),
    "seal_unfit_chain": missing(
        "สายใบรับรองของตราประทับในชื่อ {name} ไม่เป็นไปตามกฎ RFC 5280",
        "The chain of the seal's certificate, made out to {name}, breaks a rule of RFC 5280.",
    ),
    "seal_unfit": contradicted(
        "ใบรับรองของ {name} ไม่อนุญาตให้ใช้ลงลายเซ็น",
        "The certificate of {name} does not allow its key to sign.",
        CERTIFICATE,
    ),
    "seal_in_time": proven(
        "ใบรับรองของตราประทับยังใช้ได้เมื่อออกใบรับ {at} (เวลาตามที่ใบรับระบุ)",
        "The seal's certificate was valid when the receipt was issued, {at} (as the receipt says).",
        CERTIFICATE,
    ),
    "seal_expired": contradicted(
        "ใบรับรองของตราประทับใช้ได้ {begins} ถึง {ends} จึงใช้ไม่ได้เมื่อประทับตรา {at}",
        "The seal's certificate is valid from {begins} to {ends}, and so was not when it sealed, {at}.",
        CERTIFICATE,
    ),
    "seal_expired_since": missing(
        "ใบรับรองของตราประทับใช้ได้เมื่อออกใบรับตามที่ระบุ ({at}) แต่หมดอายุแล้วเมื่อ {ends} ไม่มีสิ่งอื่นยืนยันว่าประทับตราก่อนหมดอายุ",
        "The seal's certificate was valid at the time stated ({at}) and ended on {ends}; nothing else shows that the "
        "seal is older than that.",
    ),
    "seal_future": missing(
        "ใบรับระบุว่าออกเมื่อ {at} ซึ่งยังไม่ถึงตามนาฬิกาของเครื่องที่ใช้ตรวจ",
        "The receipt says that it was issued {at}, which by this machine's clock is yet to come.",
    ),
    "seal_withdrawn": left_open(
        "การเพิกถอนใบรับรองของตราประทับตรวจโดยไม่ต่อเครือข่ายไม่ได้ ให้สอบถามผู้ออกใบรับรอง {issuer}",
        "Whether the seal's certificate was withdrawn cannot be seen offline; its issuer {issuer} knows.",
    ),
    "seal_owner": proven(
        "ใบรับบอกว่าประทับตราโดย {by} ซึ่งตรงกับใบรับรอง",
        "The receipt says that {by} sealed it, and so does the certificate.",
        CERTIFICATE,
    ),
    "seal_other_owner": missing(
        "ใบรับบอกว่าประทับตราโดย {by} แต่ใบรับรองออกให้ {name} ถ้าเป็นรายเดียวกัน ให้ระบุใบรับรองของตรานั้นด้วย --trust",
        "The receipt says that {by} sealed it, the certificate is made out to {name}; if these are the same, give "
        "that certificate itself with --trust.",
    ),
    # -- the test seal ----------------------------------------------------------------------------------------------
    "test_seal": missing(
        "เป็นตราทดสอบ ไม่มีผลเป็นหลักฐาน",
        "It is a test seal, which is no evidence of anything.",
    ),
    "test_for_real": contradicted(
        "ใบรับบอกว่าประทับตราโดย {by} แต่ผู้ประทับตราคือหน่วยออกใบรับรองทดสอบ ซึ่งไม่มีผลเป็นหลักฐาน",
        "The receipt claims the seal of {by}, but a test authority's key sealed it, which is no evidence.",
        CERTIFICATE,
    ),
    # -- the page and what lies in it -------------------------------------------------------------------------------
    "page_agrees": proven(
        "เลขทะเบียน เวลา และค่าแฮชบนหน้ากระดาษตรงกับข้อมูลที่ฝังอยู่ในไฟล์",
        "The number, times and digests on the page are those of the data embedded in the file.",
        TEXT,
    ),
    "page_differs": contradicted(
        "หน้ากระดาษแสดง{what_thai}ไม่ตรงกับข้อมูลที่ฝังอยู่ในไฟล์",
        "The page shows another {what} than the data embedded in the file.",
        TEXT,
    ),
    "page_unreadable": missing(
        "อ่านข้อความบนหน้ากระดาษไม่ได้ จึงเทียบกับข้อมูลที่ฝังอยู่ไม่ได้",
        "The text on the page cannot be read, and so not be compared with the data embedded.",
    ),
    # -- the row ----------------------------------------------------------------------------------------------------
    "row_agrees": proven(
        "ข้อเท็จจริงในใบรับตรงกับรายการในทะเบียน: เลขที่ {number} ลำดับที่ {count} ของ{series_thai} ปี {year}",
        "The receipt says what the register's row says: number {number}, entry {count} of the book {series} {year}.",
        ROW,
    ),
    "row_differs": contradicted(
        "{field_thai}: ใบรับบอก {said} แต่รายการในทะเบียนบอก {row}",
        "{field}: the receipt says {said}, the register's row says {row}.",
        ROW,
    ),
    "row_unreadable": contradicted(
        "ข้อมูลที่ใบรับอ้างว่าเป็นรายการในทะเบียน ไม่ใช่รายการในทะเบียน",
        "What the receipt gives as the register's row is none.",
        ROW,
    ),
    "row_number_text": contradicted(
        "เลขทะเบียน {said} ไม่มีเลขลำดับ {count} อยู่ในนั้น",
        "The register number {said} does not have the entry's number {count} in it.",
        ROW,
    ),
    "row_clock": proven(
        "รายการระบุว่าระบบได้รับเมื่อ {at} คลาดเคลื่อนไม่เกิน {bound} มิลลิวินาที ตามคำของระบบเอง",
        "The row gives {at} as the time of receipt, within {bound} ms by the system's own statement.",
        ROW,
    ),
    "row_clock_loose": left_open(
        "รายการระบุว่าระบบได้รับเมื่อ {at} แต่ระบุเองด้วยว่าขณะนั้นนาฬิกาไม่อยู่ในเกณฑ์ความคลาดเคลื่อน",
        "The row gives {at} as the time of receipt, and says itself that the clock was not within its bound then.",
    ),
    "link_agrees": proven(
        "ค่าเชื่อมโยงของรายการคำนวณซ้ำได้ตรงกัน จากเนื้อรายการและค่าเชื่อมโยงก่อนหน้า",
        "The row's link follows from its octets and the link before it.",
        LINK,
    ),
    "link_differs": contradicted(
        "ค่าเชื่อมโยงในใบรับไม่ตรงกับที่คำนวณจากรายการและค่าเชื่อมโยงก่อนหน้า",
        "The link in the receipt does not follow from the row and the link before it.",
        LINK,
    ),
    # -- when it counts as received ---------------------------------------------------------------------------------
    "deemed_agrees": proven(
        "วันเวลาที่ถือว่ารับ {at} คำนวณซ้ำตามเวลาทำการและปฏิทินรุ่น {calendar} ได้ตรงกัน",
        "The time it counts as received, {at}, follows from the office hours and calendar {calendar}.",
        CALENDAR,
    ),
    "deemed_differs": contradicted(
        "ใบรับบอกว่าถือว่ารับเมื่อ {at} แต่ปฏิทินรุ่นที่ใบรับอ้างให้ผลเป็น {computed}",
        "The receipt says that it counts as received {at}; the calendar it names gives {computed}.",
        CALENDAR,
    ),
    "deemed_before": contradicted(
        "ใบรับบอกว่าถือว่ารับเมื่อ {at} ซึ่งก่อนเวลาที่เข้าสู่ระบบ {received}",
        "The receipt says that it counts as received {at}, which is before it entered, {received}.",
        ROW,
    ),
    "deemed_year": contradicted(
        "ทะเบียนเป็นปี {year} แต่ทั้งเวลาที่เข้าสู่ระบบและเวลาที่ถือว่ารับไม่อยู่ในปีนั้น",
        "The book is of {year}, but neither the time of entry nor the time it counts as received is in that year.",
        ROW,
    ),
    "deemed_unknown": left_open(
        "ปฏิทินรุ่น {calendar} เป็นของหน่วยงานเองหรือของรุ่นอื่น จึงคำนวณซ้ำว่าถือว่ารับเมื่อ {at} ไม่ได้",
        "Calendar {calendar} is the agency's own or another version's, so that {at}, when it counts as received, "
        "cannot be computed again.",
    ),
    # -- the head before the row ------------------------------------------------------------------------------------
    "head_agrees": proven(
        "หัวทะเบียนก่อนรายการนี้ลงนามโดย {name} และเชื่อมต่อมาถึงรายการนี้ผ่าน {count} รายการ",
        "The head of the book before this row is signed by {name} and leads to the row over {count} messages between.",
        HEAD,
    ),
    "head_own": left_open(
        "หัวทะเบียนก่อนรายการนี้ลงนามด้วยกุญแจเดียวกับตราประทับ ในชื่อ {name} ซึ่งยังไม่มีผู้ใดที่ท่านเชื่อถือรับรอง",
        "The head of the book before this row is signed with the seal's own key, in the name of {name}, for which "
        "nobody you trust vouches.",
    ),
    "head_first": proven(
        "เป็นรายการแรกของทะเบียน จึงยังไม่มีหัวทะเบียนก่อนหน้า",
        "It is the first message of its book, so that no head can be before it.",
        LINK,
    ),
    "head_none": left_open(
        "ใบรับไม่มีหัวทะเบียนที่ลงนามก่อนรายการนี้ (ใบรับระบุเหตุว่า {reason_thai})",
        "The receipt carries no signed head of the book before its row (it says: {reason}).",
    ),
    "head_broken": contradicted(
        "ลายเซ็นบนหัวทะเบียนไม่ใช่ลายเซ็นของหัวทะเบียนที่ใบรับแสดง",
        "The signature on the head of the book is not over the head the receipt shows.",
        HEAD,
    ),
    "head_astray": contradicted(
        "หัวทะเบียนที่ใบรับแสดงไม่เชื่อมต่อมาถึงรายการนี้",
        "The head the receipt shows does not lead to its row.",
        LINK,
    ),
    "head_stranger": missing(
        "หัวทะเบียนลงนามในชื่อ {name} แต่ไม่มีผู้ใดที่ท่านเชื่อถือรับรองใบรับรองนี้",
        "The head of the book is signed in the name of {name}, but nobody you trust vouches for that certificate.",
    ),
    "head_other_signer": missing(
        "หัวทะเบียนลงนามโดย {name} แต่ผู้ประทับตราใบรับเป็นรายอื่น",
        "The head of the book is signed by {name}, but somebody else sealed the receipt.",
    ),
    "head_test": contradicted(
        "หัวทะเบียนลงนามโดยหน่วยออกใบรับรองทดสอบ แต่ใบรับมิใช่ใบรับทดสอบ",
        "A test authority's key signed the head of the book, though the receipt is not a test's.",
        HEAD,
    ),
    "head_late": contradicted(
        "หัวทะเบียนลงนามเมื่อ {at} ซึ่งหลังจากออกใบรับ {issued}",
        "The head of the book was signed {at}, after the receipt that carries it was issued, {issued}.",
        HEAD,
    ),
    "head_expired": contradicted(
        "ใบรับรองที่ลงนามหัวทะเบียนใช้ไม่ได้ในเวลาที่ลงนาม {at}",
        "The certificate that signed the head of the book was not valid then, {at}.",
        HEAD,
    ),
    "token_agrees": proven(
        "{name} ประทับเวลาหัวทะเบียนไว้ {at} จึงแก้รายการก่อนหน้านั้นโดยไม่ให้รู้ไม่ได้",
        "{name} stamped the head of the book {at}: nothing before it can have been changed unseen since.",
        TOKEN,
    ),
    "token_none": left_open(
        "หัวทะเบียนยังไม่มีตราประทับเวลา เวลาที่ลงนามจึงเป็นเพียงคำของผู้ลงนาม",
        "The head of the book has no time-stamp, so that only its signer says when it was signed.",
    ),
    "token_broken": contradicted(
        "ตราประทับเวลาไม่ใช่ของหัวทะเบียนที่ใบรับแสดง",
        "The time-stamp is not over the head the receipt shows.",
        TOKEN,
    ),
    "token_unfit": contradicted(
        "ตราประทับเวลาลงนามโดย {name} ซึ่งใบรับรองมิใช่ของหน่วยประทับเวลา",
        "The time-stamp is signed by {name}, whose certificate is not a time-stamping authority's.",
        TOKEN,
    ),
    "token_late": contradicted(
        "ตราประทับเวลาเป็นของ {at} ซึ่งหลังจากออกใบรับ {issued}",
        "The time-stamp is of {at}, after the receipt that carries it was issued, {issued}.",
        TOKEN,
    ),
    "token_early": contradicted(
        "ตราประทับเวลาเป็นของ {at} ซึ่งก่อนที่หัวทะเบียนจะลงนาม {signed}",
        "The time-stamp is of {at}, before the head it stamps was signed, {signed}.",
        TOKEN,
    ),
    "token_stranger": left_open(
        "หัวทะเบียนมีตราประทับเวลาของ {name} {at} แต่ไม่มีผู้ใดที่ท่านเชื่อถือรับรองหน่วยประทับเวลานี้",
        "The head of the book has a time-stamp of {name}, {at}, but nobody you trust vouches for that authority.",
    ),
}
