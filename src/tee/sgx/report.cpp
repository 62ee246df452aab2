#include "tee/sgx/report.hpp"

namespace authex::tee::sgx {

ReportBody parse_report_body(ByteView bytes) {
    Reader reader(bytes);
    ReportBody body;
    copy(reader.take(body.cpu_svn.size()), body.cpu_svn);
    body.misc_select = reader.u32();
    reader.take(28);
    body.attributes.flags = reader.u64();
    body.attributes.xfrm = reader.u64();
    copy(reader.take(measurement_bytes), body.mrenclave);
    reader.take(32);
    copy(reader.take(measurement_bytes), body.mrsigner);
    reader.take(96);
    body.isv_prod_id = reader.u16();
    body.isv_svn = reader.u16();
    reader.take(60);
    copy(reader.take(sgx_report_data_bytes), body.report_data);
    return body;
}

void write_report_body(const ReportBody& body, Bytes bytes) {
    constexpr std::array<std::uint8_t, 96> zero{};
    const auto zeros = [&](std::size_t count) { return ByteView(zero).first(count); };
    Writer(bytes)
        .bytes(body.cpu_svn)
        .u32(body.misc_select)
        .bytes(zeros(28))
        .u64(body.attributes.flags)
        .u64(body.attributes.xfrm)
        .bytes(body.mrenclave)
        .bytes(zeros(32))
        .bytes(body.mrsigner)
        .bytes(zeros(96))
        .u16(body.isv_prod_id)
        .u16(body.isv_svn)
        .bytes(zeros(60))
        .bytes(body.report_data);
}

} // namespace authex::tee::sgx
