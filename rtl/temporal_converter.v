// Temporal converter of a row (paper section 4): it spikes in the cycle in which the counter reaches
// the row's 3-bit magnitude. Next to it the signs of this window and, for products that come after
// its end, of the one before (the sign FIFO).
module temporal_converter (
    input       clk,
    input       reset,
    input       begin_window, // the next cycle is count 0 of a window
    input       used,         // of that window: no spike otherwise
    input       sign,
    input [2:0] magnitude,
    input       running,
    input [2:0] count,
    output      spike,
    output reg  sign_current,
    output reg  sign_previous
);
    reg       armed;
    reg [2:0] time_of_spike;

    assign spike = running & armed & count == time_of_spike;

    always @(posedge clk)
        if (reset) armed <= 0;
        else if (begin_window) begin
            armed <= used;
            time_of_spike <= magnitude;
            sign_current <= sign;
            sign_previous <= sign_current;
        end
endmodule
